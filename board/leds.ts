// LEDs of the machine, as Linux has them: /sys/class/leds/NAME/{trigger,brightness}.

import type { Look } from './board.js';
import type { Rendered, Step } from './step.js';

const LEDS = '/sys/class/leds';

/**
 * A blinking LED is the kernel's `timer`, so that it blinks without us. The way back is the trigger
 * that it had: the kernel shows all it knows, with the one in use in brackets.
 */
export function renderLed(step: Extract<Step, { kind: 'led' }>, look: Look): Rendered | undefined {
  const folder = `${LEDS}/${step.led}`;
  const triggers = look(`${folder}/trigger`);
  if (triggers === undefined) return undefined;
  const trigger = /\[([^\]]+)\]/.exec(triggers)?.[1] ?? 'none';
  const brightness = look(`${folder}/brightness`)?.trim() ?? '0';
  const write = (file: string, text: string) => ({
    do: 'write' as const,
    path: `${folder}/${file}`,
    text,
  });
  const steady = step.shows === 'on' ? largest(look(`${folder}/max_brightness`)) : '0';
  return {
    apply:
      step.shows === 'blink'
        ? [write('trigger', 'timer')]
        : [write('trigger', 'none'), write('brightness', steady)],
    // Brightness first: written to a triggered LED, a zero would take its trigger away.
    undo: [write('brightness', brightness), write('trigger', trigger)],
    lasts: 'run',
  };
}

function largest(text: string | undefined): string {
  return /^\d{1,5}$/.test(text?.trim() ?? '') ? (text?.trim() ?? '255') : '255';
}
