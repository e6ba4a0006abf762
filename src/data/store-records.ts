/** Which record of a feature store is an image's: about 30 bytes an image. */
import { NameIndex } from './name-index.js';

export interface StoreRecord {
  /** number of the record in the store */
  position: number;
  /** CRC-32 of its bytes */
  crc: number;
}

export class StoreRecords {
  private readonly names: NameIndex;

  /**
   * @param images that have a place in `positions` and `crcs`, in their order
   * @param positions -1: none
   */
  private constructor(
    images: Iterable<string>,
    private positions: Int32Array,
    private crcs: Int32Array,
  ) {
    this.names = new NameIndex(positions.length);
    for (const image of images) this.names.add(image);
  }

  /** @param expected about how many images there will be */
  static empty(expected: number): StoreRecords {
    return new StoreRecords([], new Int32Array(expected).fill(-1), new Int32Array(expected));
  }

  static of(images: Iterable<string>, positions: Int32Array, crcs: Int32Array): StoreRecords {
    return new StoreRecords(images, positions, crcs);
  }

  set(image: string, { position, crc }: StoreRecord): void {
    const known = this.names.find(image);
    const number = known >= 0 ? known : this.names.add(image);
    if (number >= this.positions.length) this.enlarge();
    this.positions[number] = position;
    this.crcs[number] = crc;
  }

  find(image: string): StoreRecord | undefined {
    const number = this.names.find(image);
    const position = number < 0 ? -1 : this.positions[number];
    return position < 0 ? undefined : { position, crc: this.crcs[number] >>> 0 };
  }

  private enlarge(): void {
    const length = Math.max(1024, 2 * this.positions.length);
    const positions = new Int32Array(length).fill(-1);
    const crcs = new Int32Array(length);
    positions.set(this.positions);
    crcs.set(this.crcs);
    this.positions = positions;
    this.crcs = crcs;
  }
}
