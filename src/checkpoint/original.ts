/**
 * The decoders of the original PyTorch project, recognised by the names and shapes of their parameters.
 *
 * `LLMModel` (its model 1) is the decoder `lstm` here: `embed` (nn.Embedding), `lstm_cell` (nn.LSTM), `linear`; the
 * image feature is the first input, so word vectors have its size. `DecoderWithAttention` (its model 2) is
 * `soft-attention`: `embed`, `lstm_cell` (nn.LSTMCell on word vector and gated context), `fc`, `attention` with
 * `encoder_attn`, `decoder_attn` and `full_attn`, `init_h`, `init_c`, `f_beta`. The decoders here keep these names,
 * PyTorch's shapes and its gate order in files, so that a state dict goes in and out as it is.
 */
import { UserError } from '../core/index.js';
import type { DecoderConfig, StateDict } from '../models/index.js';

/** A decoder's state dict, and all that follows from its shapes. */
export interface OriginalDecoder {
  config: DecoderConfig;
  /** V, with the four special words */
  vocabularySize: number;
  /** C: channels of the encoder's feature map */
  featureChannels: number;
  state: StateDict;
}

interface Sizes {
  /** V, words */
  words: number;
  /** E, of a word vector */
  embedding: number;
  /** H, units of the LSTM */
  hidden: number;
  /** C, of an image feature */
  channels: number;
}

type Shapes = [name: string, shape: number[]][];

function linear(name: string, inputs: number, outputs: number): Shapes {
  return [
    [`${name}.weight`, [outputs, inputs]],
    [`${name}.bias`, [outputs]],
  ];
}

function lstm(suffix: string, inputs: number, hidden: number): Shapes {
  return [
    [`lstm_cell.weight_ih${suffix}`, [4 * hidden, inputs]],
    [`lstm_cell.weight_hh${suffix}`, [4 * hidden, hidden]],
    [`lstm_cell.bias_ih${suffix}`, [4 * hidden]],
    [`lstm_cell.bias_hh${suffix}`, [4 * hidden]],
  ];
}

/** @param projected whether the image passes a layer that the original does not have, which showtell may add */
function plainShapes(
  { words, embedding, hidden, channels }: Sizes,
  layers: number,
  projected: boolean,
): Shapes {
  return [
    ['embed.weight', [words, embedding]],
    ...Array.from({ length: layers }, (_, k) => lstm(`_l${k}`, k === 0 ? embedding : hidden, hidden)).flat(),
    ...linear('linear', hidden, words),
    ...(projected ? linear('project', channels, embedding) : []),
  ];
}

function attentionShapes({ words, embedding, hidden, channels }: Sizes, attention: number): Shapes {
  return [
    ['embed.weight', [words, embedding]],
    ...lstm('', embedding + channels, hidden),
    ...linear('fc', hidden, words),
    ...linear('attention.encoder_attn', channels, attention),
    ...linear('attention.decoder_attn', hidden, attention),
    ...linear('attention.full_attn', attention, 1),
    ...linear('init_h', channels, hidden),
    ...linear('init_c', channels, hidden),
    ...linear('f_beta', hidden, channels),
  ];
}

/** Shares dropped in training, which no shape tells, as in the original; captions do not depend on them. */
const DROPOUT = { lstm: { dropout: 0.05, outputDropout: 0 }, 'soft-attention': { dropout: 0.5 } };

/** Mistakes that a message lists. */
const LISTED = 5;

/**
 * Recognises a decoder and all its sizes.
 * @param file for messages
 * @throws UserError that names what is missing, misshapen or unknown
 */
export function recogniseDecoder(state: StateDict, file: string): OriginalDecoder {
  /** Rows and columns of a matrix. */
  const matrix = (name: string): [number, number] => {
    const shape = state.get(name)?.shape;
    if (shape?.length === 2 && !shape.includes(0)) return [shape[0], shape[1]];
    const found = shape ? `is ${shape.join(' x ') || 'a single number'}, not a matrix` : 'is missing';
    throw new UserError(`${file} holds no decoder of the original project: ${name} ${found}`, { hint: HINT });
  };
  const [words, embedding] = matrix('embed.weight');
  if (state.has('attention.encoder_attn.weight')) {
    const [attention, channels] = matrix('attention.encoder_attn.weight');
    const [, hidden] = matrix('lstm_cell.weight_hh');
    check(state, attentionShapes({ words, embedding, hidden, channels }, attention), file);
    return {
      config: { type: 'soft-attention', embedding, hidden, attention, ...DROPOUT['soft-attention'] },
      vocabularySize: words,
      featureChannels: channels,
      state,
    };
  }
  const [, hidden] = matrix('lstm_cell.weight_hh_l0');
  let layers = 1;
  while (state.has(`lstm_cell.weight_hh_l${layers}`)) layers++;
  const projected = state.has('project.weight');
  const channels = projected ? matrix('project.weight')[1] : embedding;
  check(state, plainShapes({ words, embedding, hidden, channels }, layers, projected), file);
  return {
    config: { type: 'lstm', embedding, hidden, layers, ...DROPOUT.lstm },
    vocabularySize: words,
    featureChannels: channels,
    state,
  };
}

const HINT = 'docs/pytorch.md says which decoders can be imported; `showtell import --help` shows how';

function check(state: StateDict, shapes: Shapes, file: string): void {
  const expected = new Map(shapes);
  const problems: string[] = [];
  for (const [name, shape] of expected) {
    const found = state.get(name)?.shape;
    if (!found) problems.push(`${name} (${shape.join(' x ')}) is missing`);
    else if (found.join() !== shape.join()) {
      problems.push(
        `${name} is ${found.join(' x ') || 'a single number'}, expected ${shape.join(' x ')} by the other shapes`,
      );
    }
  }
  for (const name of state.keys()) {
    if (!expected.has(name)) problems.push(`${JSON.stringify(name)} is not a parameter of it`);
  }
  if (problems.length === 0) return;
  const more = problems.length - LISTED;
  throw new UserError(
    `${file} holds no decoder of the original project: ${problems.slice(0, LISTED).join('; ')}` +
      (more > 0 ? `; and ${more} more` : ''),
    { hint: HINT },
  );
}
