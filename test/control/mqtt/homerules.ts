// Home Assistant's rules for a device's discovery message, as its MQTT integration has them in
// discovery.py, schemas.py and the file of each platform: what is said here in our own words is
// refused there (and the entity never appears), or is logged as wrong at each message.

type Entity = Readonly<Record<string, unknown>>;
export type Device = Readonly<{
  dev: Entity;
  o: Entity;
  availability?: readonly Entity[];
  cmps: Readonly<Record<string, Entity>>;
}>;

type Kind = 'text' | 'number' | 'flag' | 'list' | 'topic' | 'template' | 'icon';

/** Keys that each entity may have, whatever its platform. */
const COMMON: Readonly<Record<string, Kind>> = {
  p: 'text',
  unique_id: 'text',
  name: 'text',
  icon: 'icon',
  entity_category: 'text',
  enabled_by_default: 'flag',
  availability: 'list',
  device_class: 'text',
  state_topic: 'topic',
  value_template: 'template',
};

/** Further keys by platform. An unknown key is dropped there in silence: a typing error. */
const KEYS: Readonly<Record<string, Readonly<Record<string, Kind>>>> = {
  sensor: {
    state_class: 'text',
    unit_of_measurement: 'text',
    options: 'list',
    suggested_display_precision: 'number',
  },
  binary_sensor: { payload_on: 'text', payload_off: 'text' },
  switch: {
    command_topic: 'topic',
    payload_on: 'text',
    payload_off: 'text',
    state_on: 'text',
    state_off: 'text',
  },
  number: {
    command_topic: 'topic',
    command_template: 'template',
    min: 'number',
    max: 'number',
    step: 'number',
    mode: 'text',
    unit_of_measurement: 'text',
  },
  select: { command_topic: 'topic', command_template: 'template', options: 'list' },
  button: { command_topic: 'topic', payload_press: 'text' },
  event: { event_types: 'list' },
  update: { command_topic: 'topic', payload_install: 'text', title: 'text' },
};

const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  sensor: ['state_topic'],
  binary_sensor: ['state_topic'],
  switch: ['command_topic'],
  number: ['command_topic'],
  select: ['command_topic', 'options'],
  button: ['command_topic'],
  event: ['state_topic', 'event_types'],
  update: [],
};

const CLASSES: Readonly<Record<string, readonly string[]>> = {
  sensor: ['data_rate', 'data_size', 'timestamp', 'duration', 'enum'],
  binary_sensor: ['connectivity', 'problem', 'running', 'update'],
  button: ['identify', 'restart', 'update'],
  switch: ['outlet', 'switch'],
  event: ['button', 'doorbell', 'motion'],
  update: ['firmware'],
  number: ['data_rate', 'data_size', 'duration'],
};

const bits = ['bit', 'kbit', 'Mbit', 'Gbit'];
const bytes = ['B', 'kB', 'MB', 'GB', 'KiB', 'MiB', 'GiB'];
const perSecond = (units: readonly string[]) => units.map((unit) => `${unit}/s`);

/** Units and state classes by the class of a sensor. */
const SENSORS: Readonly<Record<string, Readonly<{ units: unknown[]; states: unknown[] }>>> = {
  data_rate: { units: perSecond([...bits, ...bytes]), states: ['measurement', undefined] },
  data_size: {
    units: [...bits, ...bytes],
    states: ['measurement', 'total', 'total_increasing', undefined],
  },
  duration: {
    units: ['d', 'h', 'min', 's', 'ms'],
    states: ['measurement', 'total', 'total_increasing', undefined],
  },
  timestamp: { units: [undefined], states: [undefined] },
  enum: { units: [undefined], states: [undefined] },
};

const STATE_CLASSES = ['measurement', 'total', 'total_increasing', undefined];

/** Everything that Home Assistant would complain about. */
export function complaints({ dev, o, availability = [], cmps }: Device): string[] {
  const found: string[] = [];
  const { identifiers } = dev;
  if (!Array.isArray(identifiers) || identifiers.length === 0) found.push('dev: no identifiers');
  for (const [key, value] of Object.entries(dev))
    if (!DEVICE.includes(key) || (key !== 'identifiers' && typeof value !== 'string'))
      found.push(`dev.${key}`);
  if (typeof o.name !== 'string') found.push('o: no name');
  for (const entry of availability) if (!isTopic(entry.topic)) found.push('availability: no topic');
  const unique = new Set<unknown>();
  for (const [id, entity] of Object.entries(cmps)) {
    if (!/^[a-zA-Z0-9_-]+$/.test(id)) found.push(`${id}: bad id`);
    if (!KEYS[String(entity.p)]) found.push(`${id}: no platform ${entity.p}`);
    else if (Object.keys(entity).length > 1) {
      found.push(...aboutEntity(entity).map((what) => `${id}: ${what}`));
      if (unique.has(entity.unique_id) || typeof entity.unique_id !== 'string')
        found.push(`${id}: unique_id`);
      unique.add(entity.unique_id);
    }
  }
  return found;
}

const DEVICE = ['identifiers', 'name', 'manufacturer', 'model', 'sw_version', 'configuration_url'];

function aboutEntity(entity: Entity): string[] {
  const platform = String(entity.p);
  const found: string[] = [];
  for (const key of REQUIRED[platform] ?? [])
    if (entity[key] === undefined) found.push(`lacks ${key}`);
  for (const [key, value] of Object.entries(entity)) {
    const kind = COMMON[key] ?? KEYS[platform]?.[key];
    if (!kind) found.push(`${key} is unknown`);
    else if (!isA(kind, value)) found.push(`${key} is no ${kind}`);
  }
  const { device_class, entity_category, state_topic, command_topic } = entity;
  if (device_class !== undefined && !CLASSES[platform]?.includes(String(device_class)))
    found.push(`device_class ${device_class}`);
  if (entity_category !== undefined && !/^(config|diagnostic)$/.test(String(entity_category)))
    found.push('entity_category');
  // Refused when the entity is added; and what only shows is not there to be set.
  if (entity_category === 'config' && ['sensor', 'binary_sensor', 'event'].includes(platform))
    found.push(`a ${platform} is no setting`);
  // Without one the platform guesses that each command was obeyed.
  if (command_topic !== undefined && platform !== 'button' && !isTopic(state_topic))
    found.push('does not tell its state');
  if (platform === 'sensor') found.push(...aboutSensor(entity));
  if (platform === 'number') found.push(...aboutNumber(entity));
  if (platform === 'update' && (command_topic === undefined) !== !entity.payload_install)
    found.push('installing takes a topic and a payload');
  return found;
}

function aboutSensor({ device_class, state_class, unit_of_measurement, options }: Entity) {
  const found: string[] = [];
  const rules = device_class === undefined ? undefined : SENSORS[String(device_class)];
  if (rules && !rules.units.includes(unit_of_measurement))
    found.push(`unit ${unit_of_measurement}`);
  if (!(rules?.states ?? STATE_CLASSES).includes(state_class)) found.push(`state ${state_class}`);
  if (options !== undefined && (device_class !== 'enum' || (options as unknown[]).length === 0))
    found.push('options are for enum');
  return found;
}

function aboutNumber({ min = 1, max = 100, step = 1, mode = 'auto' }: Entity): string[] {
  const found: string[] = [];
  if (Number(min) >= Number(max)) found.push('min is not below max');
  if (Number(step) < 0.001) found.push('step');
  if (!['auto', 'box', 'slider'].includes(String(mode))) found.push('mode');
  return found;
}

function isA(kind: Kind, value: unknown): boolean {
  switch (kind) {
    case 'number':
      return typeof value === 'number';
    case 'flag':
      return typeof value === 'boolean';
    case 'list':
      return Array.isArray(value) && new Set(value).size === value.length;
    case 'topic':
      return isTopic(value);
    case 'icon':
      return typeof value === 'string' && /^[a-z]+:[a-z0-9-]+$/.test(value);
    case 'template':
      return typeof value === 'string' && templates(value) !== undefined;
    case 'text':
      return typeof value === 'string' && value !== '';
  }
}

function isTopic(value: unknown): boolean {
  return typeof value === 'string' && /^[^+#\0]{1,256}$/.test(value);
}

// Templates: the few forms of Jinja that we use; others are a failure, not skipped.

const PATH = String.raw`value_json((?:\.[A-Za-z]+)+)`;
const FORMS = {
  path: new RegExp(`^${PATH}$`),
  choice: new RegExp(`^'(\\w+)' if ${PATH} else '(\\w+)'$`),
  value: /^value( \| int)?$/,
};

/** The parts between {{ }}; undefined where one is of another form. */
function templates(text: string): string[] | undefined {
  const parts = [...text.matchAll(/\{\{ (.*?) \}\}/g)].map(([, part]) => part ?? '');
  const known = (part: string) => Object.values(FORMS).some((form) => form.test(part));
  return parts.length > 0 && parts.every(known) ? parts : undefined;
}

/** As Jinja renders it: null is `None`. Throws where the payload lacks what is named. */
export function rendered(template: string, payload: string): string {
  return template.replace(/\{\{ (.*?) \}\}/g, (_, part: string) => {
    const choice = FORMS.choice.exec(part);
    if (choice) return at(payload, choice[2] ?? '') ? (choice[1] ?? '') : (choice[3] ?? '');
    const value = at(payload, FORMS.path.exec(part)?.[1] ?? '');
    return value === null ? 'None' : String(value);
  });
}

/** What a dashboard sends: the value in the place of `value`. */
export function commanded(template: unknown, value: string | number): string {
  return String(template).replace(/\{\{ value( \| int)? \}\}/g, String(value));
}

function at(payload: string, path: string): unknown {
  let value: unknown = JSON.parse(payload);
  for (const name of path.split('.').slice(1)) {
    if (typeof value !== 'object' || value === null || !(name in value))
      throw new Error(`the payload has no ${path}`);
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** What Home Assistant would log about this state of this entity; undefined where it takes it. */
export function complaintAboutState(entity: Entity, payload: string): string | undefined {
  const { p, value_template } = entity;
  if (p === 'event') return aboutEvent(entity, payload);
  if (p === 'update') return aboutUpdate(payload);
  const text = value_template === undefined ? payload : rendered(String(value_template), payload);
  if (text === 'None') return undefined; // unknown
  const oneOf = (...values: unknown[]) =>
    values.map(String).includes(text) ? undefined : `${text} is none of ${values.join(', ')}`;
  switch (p) {
    case 'binary_sensor':
      return oneOf(entity.payload_on ?? 'ON', entity.payload_off ?? 'OFF');
    case 'switch':
      return oneOf(entity.state_on ?? entity.payload_on, entity.state_off ?? entity.payload_off);
    case 'select':
      return oneOf(...(entity.options as unknown[]));
    case 'number': {
      const fits = Number(text) >= Number(entity.min) && Number(text) <= Number(entity.max);
      return fits ? undefined : `${text} is out of range`;
    }
    case 'sensor':
      return aboutReading(entity, text, oneOf);
    default:
      return `${p} has no state`;
  }
}

function aboutReading(
  { device_class, state_class, unit_of_measurement, options }: Entity,
  text: string,
  oneOf: (...values: unknown[]) => string | undefined,
): string | undefined {
  if (device_class === 'enum') return oneOf(...(options as unknown[]));
  if (device_class === 'timestamp')
    return /T.*(Z|[+-]\d\d:\d\d)$/.test(text) && Date.parse(text) > 0 ? undefined : `time ${text}`;
  const isNumeric = state_class !== undefined || unit_of_measurement !== undefined;
  return isNumeric && !/^-?\d+(\.\d+)?$/.test(text) ? `${text} is no number` : undefined;
}

function aboutEvent({ event_types }: Entity, payload: string): string | undefined {
  const { event_type } = JSON.parse(payload);
  return (event_types as unknown[]).includes(event_type) ? undefined : `event ${event_type}`;
}

function aboutUpdate(payload: string): string | undefined {
  const { installed_version, latest_version, in_progress, update_percentage } = JSON.parse(payload);
  if (typeof installed_version !== 'string' || typeof latest_version !== 'string')
    return 'no versions';
  if (typeof in_progress !== 'boolean') return 'in_progress';
  const percentage = update_percentage === null || (in_progress && update_percentage <= 100);
  return percentage ? undefined : 'update_percentage';
}
