/**
 * Event files that TensorBoard reads: a sequence of records (tensorflow/core/lib/io/record_writer.h: length, its checksum, data, its
 * checksum), each an `Event` (tensorflow/core/util/event.proto) in protocol buffers' wire format. Only what a training has to
 * say is written: scalars, texts and pictures.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { JournalEntry } from './journal.js';
import type { AttentionPicture } from './pictures.js';

export class TensorBoard {
  private readonly path: string;

  /**
   * Begins a file in `directory`; TensorBoard forgets what earlier files say of steps behind `step`.
   * @param step behind which the training begins or goes on
   */
  constructor(directory: string, step: number) {
    mkdirSync(directory, { recursive: true });
    // The order of the names is that of time.
    this.path = join(directory, `events.out.tfevents.${Date.now()}.${hostname()}.${process.pid}`);
    this.write(0, bytesField(3, text('brain.Event:2'))); // file_version
    if (step > 0) this.write(step + 1, bytesField(7, integerField(1, 1))); // session_log: START
  }

  add(entry: JournalEntry): void {
    const { step } = entry;
    if (entry.event === 'step') {
      this.write(
        step,
        summary([
          scalar('training/loss', entry.loss),
          ...(entry.reward === undefined ? [] : [scalar('training/reward', entry.reward)]),
          scalar('training/gradient norm', entry.gradientNorm),
          scalar('training/learning rate', entry.learningRate),
          scalar('speed/words per second', entry.wordsPerSecond),
        ]),
      );
      return;
    }
    const captions = entry.samples.map(({ image, caption }) => `- ${image}: ${caption}`).join('\n');
    this.write(
      step,
      summary([
        ...entry.validation.bleu.map((value, i) => scalar(`validation/BLEU-${i + 1}`, value)),
        scalar('validation/CIDEr-D', entry.validation.ciderD),
        scalar('training/loss of the epoch', entry.trainLoss),
        string('validation/captions', captions),
      ]),
    );
  }

  /** @param step after which the decoder looked so */
  addPictures(step: number, pictures: readonly AttentionPicture[]): void {
    if (pictures.length === 0) return;
    this.write(step, summary(pictures.map(({ image, png }) => picture(`attention/${image}`, png))));
  }

  /** @param content the fields of an Event but time and step */
  private write(step: number, content: Uint8Array): void {
    const time = new Uint8Array(9);
    time[0] = tag(1, 1);
    new DataView(time.buffer).setFloat64(1, Date.now() / 1000, true);
    appendFileSync(
      this.path,
      record(Buffer.concat([time, ...(step > 0 ? [integerField(2, step)] : []), content])),
    );
  }
}

function record(data: Uint8Array): Uint8Array {
  const header = Buffer.alloc(12);
  header.writeBigUInt64LE(BigInt(data.length));
  header.writeUInt32LE(maskedChecksum(header.subarray(0, 8)), 8);
  const end = Buffer.alloc(4);
  end.writeUInt32LE(maskedChecksum(data));
  return Buffer.concat([header, data, end]);
}

/** CRC-32C (Castagnoli), a byte at a time. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

function maskedChecksum(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = table[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

const text = (value: string): Uint8Array => Buffer.from(value, 'utf8');
/** Of a field in a message; wire types: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes. */
const tag = (field: number, wire: number): number => (field << 3) | wire;

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  return [...bytes, value];
}

const integerField = (field: number, value: number): Uint8Array =>
  Uint8Array.from([tag(field, 0), ...varint(value)]);

const bytesField = (field: number, value: Uint8Array): Uint8Array =>
  Buffer.concat([Uint8Array.from([tag(field, 2), ...varint(value.length)]), value]);

/** `Summary.Value`s as the summary of an Event. */
const summary = (values: Uint8Array[]): Uint8Array =>
  bytesField(5, Buffer.concat(values.map((value) => bytesField(1, value))));

function scalar(name: string, value: number): Uint8Array {
  const number = new Uint8Array(5);
  number[0] = tag(2, 5); // simple_value
  new DataView(number.buffer).setFloat32(1, value, true);
  return Buffer.concat([bytesField(1, text(name)), number]);
}

/** Summary.Image, with its size as the PNG's header says it. */
function picture(name: string, png: Buffer): Uint8Array {
  const image = Buffer.concat([
    integerField(1, png.readUInt32BE(20)), // height
    integerField(2, png.readUInt32BE(16)), // width
    integerField(3, 3), // colorspace: RGB
    bytesField(4, png), // encoded_image_string
  ]);
  return Buffer.concat([bytesField(1, text(name)), bytesField(4, image)]);
}

/** A tensor with one string (TensorProto: dtype 7), for the plugin of texts. */
function string(name: string, value: string): Uint8Array {
  const tensor = Buffer.concat([integerField(1, 7), bytesField(8, text(value))]);
  const plugin = bytesField(1, text('text')); // SummaryMetadata.PluginData.plugin_name
  return Buffer.concat([
    bytesField(1, text(name)),
    bytesField(8, tensor),
    bytesField(9, bytesField(1, plugin)),
  ]);
}
