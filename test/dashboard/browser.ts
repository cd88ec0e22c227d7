// A real Chromium in a namespace of a lab, and the page of an agent in it.

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Browser,
  type BrowserContextOptions,
  chromium,
  type Locator,
  type Page,
} from 'playwright-core';
import type { Agent } from '../lab/agents.js';
import type { Lab } from '../lab/namespaces.js';

export const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2 } as const;
export const DESKTOP = { viewport: { width: 1280, height: 900 } } as const;

export type Access = Readonly<{ urls: readonly string[]; password: string }>;

export async function accessOf(agent: Agent): Promise<Access> {
  return JSON.parse(await agent.must(['dashboard', '--json'])) as Access;
}

export class Chromium {
  /** What the page complained about, and requests to anywhere but the agent. */
  readonly complaints: string[] = [];

  private constructor(
    private readonly lab: Lab,
    private readonly browser: Browser,
  ) {}

  /** `label`: the namespace it lives in. */
  static async start(lab: Lab, label: string): Promise<Chromium> {
    const program = join(lab.folder, `chromium-${label}`);
    const name = lab.namespaceName(label);
    writeFileSync(program, `#!/bin/sh\nexec ip netns exec ${name} chromium "$@"\n`);
    chmodSync(program, 0o755);
    const browser = await chromium.launch({ executablePath: program, args: ['--disable-gpu'] });
    return new Chromium(lab, browser);
  }

  async open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.browser.newContext(options);
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(message.text());
    });
    page.on('request', (request) => {
      const away =
        !request.url().startsWith(new URL(url).origin) && !/^(data|blob):/.test(request.url());
      if (away) this.complaints.push(`asked for ${request.url()}`);
    });
    await page.goto(url);
    return page;
  }

  /** The same, and logged in. */
  async enter(url: string, password: string, options?: BrowserContextOptions): Promise<Page> {
    const page = await this.open(url, options);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('connected', { exact: true }).waitFor();
    return page;
  }

  /** Kept where SCREENSHOTS says, to be looked at. Returns the file. */
  async picture(page: Page | Locator, name: string): Promise<string> {
    const folder = process.env.SCREENSHOTS ?? this.lab.folder;
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `${name}.png`);
    await page.screenshot({ path });
    return path;
  }

  async stop(): Promise<void> {
    await this.browser.close();
  }
}
