// A Raspberry Pi image in a virtual machine. QEMU knows nothing of that board's firmware, so we do
// what it would: read autoboot.txt on the first partition, take kernel and first root from the boot
// partition that it names, and after "0 tryboot" from the other one, once.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { constants, existsSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ReadStream } from 'node:tty';
import { gzipSync } from 'node:zlib';
import { bootPartition } from '../../agent/update/autoboot.js';
import { writeCpio } from '../../flash/image/cpio.js';
import { partition } from '../../flash/image/disk.js';
import { file } from '../../flash/package/tree.js';

const TRYBOOT = "Restarting system with command '0 tryboot'";
const QEMU = 'qemu-system-aarch64';

export type MachineOptions = Readonly<{
  folder: string;
  card: string; // an image of its own
  model?: 'virt' | 'raspi3b';
  namespace?: string; // where its network interface is
  tap?: string; // the other end of its network interface
  /** Lines of the first root before its last: what a test wants changed before it hands over. */
  before?: string;
  /** More files for the first root. */
  extra?: ReadonlyMap<string, Uint8Array>;
}>;

export class Machine {
  /** The kith console's line: a pseudo terminal. */
  console = '';
  starts: number[] = []; // the boot partition of each start
  private process: ChildProcess | undefined;
  private tryboot = false;
  private wanted = true;

  constructor(private readonly options: MachineOptions) {}

  /** Starts it, and again whenever it restarts, until `stop`. */
  async power(): Promise<void> {
    this.wanted = true;
    await this.start();
  }

  async stop(): Promise<void> {
    this.wanted = false;
    this.process?.kill('SIGKILL');
    if (this.process?.exitCode === null) await once(this.process, 'exit');
  }

  /** Everything that was on the console since the last start. */
  get log(): string {
    const path = this.path('console.log');
    return existsSync(path) ? readFileSync(path, 'latin1') : '';
  }

  /** What a shell beside the console said; see `shell`. */
  get shellLog(): string {
    const path = this.path('shell.log');
    return existsSync(path) ? readFileSync(path, 'latin1') : '';
  }

  async says(pattern: RegExp, ms: number): Promise<number> {
    const from = performance.now();
    while (!pattern.test(this.log)) {
      if (performance.now() - from > ms)
        throw new Error(`no ${pattern} on:\n${this.log.slice(-4000)}`);
      await pause(100);
    }
    return performance.now() - from;
  }

  /** Enter, until somebody wakes up: what comes right after the port was opened counts as noise. */
  async wake(pattern: RegExp): Promise<void> {
    for (let tries = 0; tries < 20; tries++) {
      this.type('\r');
      const woken = await this.says(pattern, 3_000).catch(() => undefined);
      if (woken !== undefined) return;
    }
    throw new Error(`no ${pattern} on:\n${this.log.slice(-4_000)}`);
  }

  /** A line typed at the console. */
  type(text: string): void {
    this.typist ??= new Line(this.console);
    this.typist.write(text);
  }

  /** Runs a line of sh beside the console; resolves to what it printed. */
  async shell(line: string, ms = 120_000): Promise<string> {
    const mark = Math.random().toString(36).slice(2);
    const from = this.shellLog.length;
    this.prompt?.write(`echo be""gin${mark}; ${line}; echo e""nd${mark} $?\n`);
    const pattern = new RegExp(`begin${mark}\\r?\\n([\\s\\S]*?)end${mark} (\\d+)`);
    for (const end = performance.now() + ms; performance.now() < end; await pause(100)) {
      const found = pattern.exec(this.shellLog.slice(from));
      if (found?.[2] === '0') return (found[1] ?? '').replaceAll('\r', '');
      if (found) throw new Error(`"${line}" ended with ${found[2]}:\n${found[1]}`);
    }
    throw new Error(`"${line}" did not end:\n${this.shellLog.slice(from)}`);
  }

  private typist: Line | undefined;
  private prompt: Line | undefined;

  private async start(): Promise<void> {
    const { card, folder } = this.options;
    const autoboot = this.fromPartition(1, 'autoboot.txt').toString('latin1');
    const boot = bootPartition(autoboot, this.tryboot);
    if (boot === undefined) throw new Error(`autoboot.txt names nothing: ${autoboot}`);
    this.starts.push(boot);
    for (const name of ['vmlinuz', 'bcm2837-rpi-3-b.dtb'])
      writeFileSync(this.path(name), this.fromPartition(boot, name));
    const first = Buffer.concat([this.fromPartition(boot, 'first.img'), this.overlay(boot)]);
    writeFileSync(this.path('first.img'), first);
    const told = `kith.partition=${boot} kith.tryboot=${this.tryboot ? 1 : 0}`;
    this.tryboot = false;
    const arguments_ = this.arguments(card, told);
    const { namespace } = this.options;
    const command = namespace === undefined ? [] : ['ip', 'netns', 'exec', namespace];
    const [program = QEMU, ...rest] = [...command, QEMU, ...arguments_];
    const child = spawn(program, rest, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    this.process = child;
    process.once('exit', () => child.kill('SIGKILL'));
    let said = '';
    const hear = (piece: Buffer) => {
      said += piece.toString();
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.once('exit', () => this.ended(said));
    const ports = this.options.model === 'raspi3b' ? 1 : 2;
    while ([...said.matchAll(/redirected to (\S+)/g)].length < ports) {
      if (child.exitCode !== null) throw new Error(said);
      await pause(20);
    }
    const found = [...said.matchAll(/redirected to (\S+) \(label (\w+)\)/g)];
    const port = (label: string) => found.find(([, , name]) => name === label)?.[1] ?? '';
    this.console = port('console');
    spawnSync('stty', ['-F', this.console, 'raw', '-echo']);
    if (port('shell') !== '') this.prompt = new Line(port('shell'));
  }

  /** A restart is a start, as on the board; only then is it known which one was asked for. */
  private ended(said: string): void {
    this.typist?.close();
    this.prompt?.close();
    this.typist = undefined;
    this.prompt = undefined;
    if (!this.wanted) return;
    this.tryboot = this.log.includes(TRYBOOT);
    this.start().catch((error: Error) => {
      writeFileSync(this.path('console.log'), `${error.message}\n${said}`);
    });
  }

  private arguments(card: string, told: string): string[] {
    const say = 'quiet loglevel=1 panic=5';
    const port = (name: string) => ['-chardev', `pty,id=${name},logfile=${this.path(name)}.log`];
    const common = ['-kernel', 'vmlinuz', '-initrd', 'first.img', '-nographic', '-no-reboot'];
    common.push('-monitor', 'none', ...port('console'));
    // QEMU takes arming this board's watchdog for the reset that it asks for when it runs out.
    const blind = 'module_blacklist=bcm2835_wdt';
    if (this.options.model === 'raspi3b')
      return [
        ...['-M', 'raspi3b', '-dtb', 'bcm2837-rpi-3-b.dtb', ...common],
        ...[
          '-drive',
          `if=sd,file=${card},format=raw`,
          '-append',
          `console=ttyS1,115200 ${blind} ${say} ${told}`,
        ],
        ...['-serial', 'null', '-serial', 'chardev:console'],
      ];
    const { tap } = this.options;
    const network =
      tap === undefined
        ? 'user,id=n,restrict=on'
        : `tap,id=n,ifname=${tap},script=no,downscript=no`;
    return [
      ...['-M', 'virt', '-cpu', 'cortex-a53', '-m', '512', ...common],
      ...[
        '-drive',
        `if=none,id=card,file=${card},format=raw`,
        '-device',
        'virtio-blk-device,drive=card',
      ],
      ...['-netdev', network, '-device', 'virtio-net-device,netdev=n'],
      ...['-append', `console=ttyAMA0 ${say} ${told}`, '-serial', 'chardev:console'],
      ...[...port('shell'), '-device', 'pci-serial,chardev=shell'],
    ];
  }

  /** A second archive behind the first: the kernel unpacks both, one over the other. */
  private overlay(boot: number): Uint8Array {
    const { before = '', extra = new Map() } = this.options;
    const first = this.fromFirst(boot);
    const shell = 'echo "ttyS0::respawn:/bin/sh -c \'stty -echo raw; exec sh\'" >>/new/etc/inittab';
    const lines = first.replace(/^exec switch_root/m, `${shell}\n${before}\nexec switch_root`);
    const files = [...extra].map(([path, bytes]) => file(path, bytes as Uint8Array, 0o755));
    return gzipSync(writeCpio([file('init', lines, 0o755), ...files]));
  }

  private fromFirst(boot: number): string {
    const packed = this.fromPartition(boot, 'first.img');
    writeFileSync(this.path('packed.gz'), packed);
    const ran = spawnSync('sh', ['-c', 'zcat packed.gz | cpio -i --quiet --to-stdout init'], {
      cwd: this.options.folder,
    });
    return ran.stdout.toString();
  }

  private fromPartition(number: number, name: string): Buffer {
    const place = `${this.options.card}@@${partition(number).start}`;
    const ran = spawnSync('mtype', ['-i', place, `::${name}`], { maxBuffer: 2 ** 27 });
    if (ran.status !== 0) throw new Error(ran.stderr.toString());
    return ran.stdout;
  }

  private path(name: string): string {
    return join(this.options.folder, name);
  }
}

/** A pseudo terminal held open: QEMU does not read from one that was closed again at once. */
class Line {
  private readonly file: number;
  private readonly reader: ReadStream;

  constructor(path: string) {
    spawnSync('stty', ['-F', path, 'raw', '-echo']);
    this.file = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
    this.reader = new ReadStream(this.file);
    this.reader.on('error', () => {});
  }

  write(text: string): void {
    writeSync(this.file, text);
  }

  close(): void {
    this.reader.destroy();
  }
}
