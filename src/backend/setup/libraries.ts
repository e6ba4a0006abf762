/** TensorFlow's libraries and headers in a directory that the user names. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { UserError } from '../../core/index.js';

export interface Libraries {
  /** Absolute paths, TensorFlow's main library first. */
  files: string[];
  /** Where they lie. */
  folder: string;
  /** The folder that `tensorflow/c/c_api.h` is relative to. */
  headers: string;
}

/** The wheel's libraries, or those of the C library's own archive. */
const kinds = [
  [/^libtensorflow_cc\.(so\.2|2\.dylib)$/, /^libtensorflow_framework\.(so\.2|2\.dylib)$/],
  [/^libtensorflow\.(so\.2|2\.dylib)$/, /^libtensorflow_framework\.(so\.2|2\.dylib)$/],
];

const lookedFor = [
  'libtensorflow_cc.so.2 or libtensorflow.so.2 and libtensorflow_framework.so.2 in it or its lib/',
  'tensorflow/c/eager/c_api.h in its include/',
].join(', and ');

const hint = `looked for: ${lookedFor}. A "tensorflow" folder of Python's site-packages and the unpacked archive of TensorFlow's C library have them`;

/** Throws a UserError that says what is missing. */
export function locateLibraries(directory: string): Libraries {
  const root = resolve(directory);
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UserError(`there is no directory ${root}`, { hint });
  }
  const headers = join(root, 'include');
  for (const folder of [root, join(root, 'lib')]) {
    const names = existsSync(folder) ? readdirSync(folder) : [];
    for (const kind of kinds) {
      const found = kind.map((pattern) => names.find((name) => pattern.test(name)));
      if (!found.every((name) => name !== undefined)) continue;
      if (!existsSync(join(headers, 'tensorflow', 'c', 'eager', 'c_api.h'))) {
        throw new UserError(`${root} has TensorFlow's libraries but not its headers`, { hint });
      }
      return { files: found.map((name) => join(folder, name)), folder, headers };
    }
  }
  throw new UserError(`${root} does not hold TensorFlow's libraries`, { hint });
}
