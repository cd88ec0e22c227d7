// The process. The size of the heap has to be said before anything else is loaded.

import './heap.js';

const { runProcess } = await import('./control/stdio.js');
const { programs } = await import('./programs.js');

process.exitCode = await runProcess(programs);
