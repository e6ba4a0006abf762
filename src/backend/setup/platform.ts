/** Which wheels bring TensorFlow's libraries to which platform. */
import { tensorflowSeries } from '../runtime.js';
import { SetupFailure } from './failure.js';
import type { World } from './world.js';

export interface Wheel {
  /** For pip. */
  requirement: string;
  /** Tags that pip may choose from, most wanted first. */
  platforms: string[];
}

export interface Distribution {
  tensorflow: Wheel;
  /** TensorFlow's shared libraries in the wheel's folder `tensorflow/`. */
  libraries: string[];
  /** The extra of the TensorFlow wheel whose requirements are unpacked beside it. */
  extra?: string;
  /** For the user: what will be downloaded. */
  downloadMB: number;
  /** What the cache must have room for while it is built. */
  diskBytes: number;
}

const linuxLibraries = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
const macLibraries = ['libtensorflow_cc.2.dylib', 'libtensorflow_framework.2.dylib'];

/** Of 2.21.0: a wheel of 274 MB holds libraries of 853 MB; CUDA's 13 wheels hold 5.7 GB, the largest has 0.7. */
const cpuSizes = { downloadMB: 280, diskBytes: 1.3e9 };
const cudaSizes = { downloadMB: 3400, diskBytes: 7e9 };

/** Throws a SetupFailure where no wheel has the libraries. */
export function distribution(world: World, variant: 'cpu' | 'cuda'): Distribution {
  const { platform, arch } = world;
  const unsupported = (why: string, hint?: string) => new SetupFailure('unsupported', why, hint);
  if (platform === 'win32') {
    throw unsupported('TensorFlow is not published as a library for Windows', 'in WSL 2 it runs as on Linux');
  }
  if (variant === 'cuda' && `${platform}-${arch}` !== 'linux-x64') {
    throw unsupported(`TensorFlow for CUDA is published for Linux on x64 only, not for ${platform}-${arch}`);
  }
  if (platform === 'linux' && !world.hasGlibc()) {
    throw unsupported('TensorFlow needs a Linux with glibc (2.27 or newer); this one has another C library');
  }
  const version = `${tensorflowSeries}.*`;
  switch (`${platform}-${arch}`) {
    case 'linux-x64': {
      const cuda = variant === 'cuda';
      return {
        tensorflow: {
          requirement: `${cuda ? 'tensorflow' : 'tensorflow-cpu'}==${version}`,
          platforms: ['manylinux_2_27_x86_64'],
        },
        libraries: linuxLibraries,
        ...(cuda ? { extra: 'and-cuda', ...cudaSizes } : cpuSizes),
      };
    }
    case 'linux-arm64':
      return {
        tensorflow: { requirement: `tensorflow==${version}`, platforms: ['manylinux_2_27_aarch64'] },
        libraries: linuxLibraries,
        ...cpuSizes,
      };
    case 'darwin-arm64':
      return {
        tensorflow: { requirement: `tensorflow==${version}`, platforms: ['macosx_12_0_arm64'] },
        libraries: macLibraries,
        ...cpuSizes,
      };
    default:
      throw unsupported(`TensorFlow ${tensorflowSeries} is not published for ${platform}-${arch}`);
  }
}

/** NVIDIA's wheels carry older tags than TensorFlow's. */
const nvidiaPlatforms = [
  'manylinux_2_28_x86_64',
  'manylinux_2_27_x86_64',
  'manylinux_2_18_x86_64',
  'manylinux_2_17_x86_64',
  'manylinux2014_x86_64',
  'manylinux2010_x86_64',
  'manylinux1_x86_64',
];

/** The wheels that an extra of another wheel asks for. */
export function wheelsOfExtra(metadata: string, extra: string): Wheel[] {
  const wheels: Wheel[] = [];
  for (const [, requirement, marker] of metadata.matchAll(/^Requires-Dist:\s*([^;\n]+);(.*)$/gm)) {
    if (new RegExp(`extra\\s*==\\s*["']${extra}["']`).test(marker)) {
      wheels.push({ requirement: requirement.trim(), platforms: nvidiaPlatforms });
    }
  }
  return wheels;
}
