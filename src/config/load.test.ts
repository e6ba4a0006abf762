import { describe, expect, it } from 'vitest';
import { UserError } from '../core/index.js';
import { formatConfig, parseConfig } from './load.js';

const good = `name: tiny
output: out/tiny
data:
  format: flickr-csv
  captions: captions.txt
  images: images
  splits: { train: train.txt, validation: dev.txt }
encoder: { name: small_cnn }
decoder:
  type: soft-attention
  hidden: 8
`;

function mistakesOf(text: string, overrides: string[] = []): string {
  try {
    parseConfig(text, 'tiny.yaml', overrides);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as Error).message;
  }
  throw new Error('the config was accepted');
}

describe('parseConfig', () => {
  it('fills in the defaults', () => {
    const config = parseConfig(good, 'tiny.yaml');
    expect(config.training.clipNorm).toBe(5);
    expect(config.decoder).toEqual({
      type: 'soft-attention',
      embedding: 1024,
      hidden: 8,
      attention: 2048,
      dropout: 0.5,
      embeddingDropout: 0,
      tieWeights: false,
    });
  });

  it('applies overrides last', () => {
    const config = parseConfig(good, 'tiny.yaml', [
      'training.epochs=3',
      'image.resize=[64, 64]',
      'decoder.hidden=16',
    ]);
    expect(config.training.epochs).toBe(3);
    expect(config.image.resize).toEqual([64, 64]);
    expect(config.decoder.hidden).toBe(16);
  });

  it('reports every mistake with its line, path and what is accepted', () => {
    const text = good
      .replace('hidden: 8', 'hidden: many\n  depth: 3')
      .replace('name: small_cnn', 'name: vgg')
      .replace('  images: images\n', '');
    expect(mistakesOf(text, ['training.batchSize=-1'])).toBe(
      [
        '5 mistakes in tiny.yaml:',
        '  tiny.yaml:3: data.images: expected a string, is missing (the folder of the images)',
        '  tiny.yaml:7: encoder.name: expected one of resnet18, resnet34, resnet50, resnet101, resnet152, mobilenet_v2, mobilenet_v3_small, mobilenet_v3_large, small_cnn, received "vgg" (architecture)',
        '  tiny.yaml:10: decoder.hidden: expected a number, received "many" (units of the LSTM cell)',
        '  tiny.yaml:11: decoder.depth: unknown key; accepted here: type, embedding, hidden, attention, dropout, embeddingDropout, tieWeights',
        '  --set training.batchSize: training.batchSize: expected more than 0, received -1 (captions a step)',
      ].join('\n'),
    );
  });

  it('names the decoder types when the type is wrong', () => {
    expect(mistakesOf(good.replace('soft-attention', 'transformer'))).toContain(
      'tiny.yaml:10: decoder.type: expected one of lstm, soft-attention, received "transformer"',
    );
  });

  it('knows the parts of training that may be left out', () => {
    const set = (...overrides: string[]) => parseConfig(good, 'tiny.yaml', overrides).training;
    expect(set().selfCritical).toBeNull();
    expect(set('training.selfCritical.epochs=4').selfCritical).toMatchObject({ epochs: 4, samples: 5 });
    const { scheduledSampling } = set('training.scheduledSampling.decay=inverse-sigmoid');
    expect(scheduledSampling).toEqual({ decay: 'inverse-sigmoid', k: 10 });
    const wrong = [
      'training.scheduledSampling.decay=steep',
      'training.selfCritical.samples=1',
      'training.selfCritical.reward=bleu',
    ];
    const mistakes = wrong.map((override) => mistakesOf(good, [override]));
    expect(mistakes[0]).toMatch(
      /decay: expected one of linear, exponential, inverse-sigmoid, received "steep"/,
    );
    expect(mistakes[1]).toMatch(/samples: expected 2 or more, for the baseline is the mean/);
    expect(mistakes[2]).toMatch(/unknown key; accepted here: epochs, learningRate/);
  });

  it('refuses broken YAML with its line', () => {
    expect(mistakesOf('name: tiny\noutput: [')).toMatch(/^tiny\.yaml is not valid YAML:\n {2}tiny\.yaml:2: /);
    expect(mistakesOf('')).toContain('expected keys and values');
  });

  it('refuses an override without a value', () => {
    expect(mistakesOf(good, ['training.epochs'])).toContain('expected key=value');
    expect(mistakesOf(good, ['name.first=x'])).toContain('name holds a value');
  });
});

describe('formatConfig', () => {
  it('gives a file that reads back as the same config', () => {
    const config = parseConfig(good, 'tiny.yaml');
    const text = formatConfig(config);
    expect(parseConfig(text, 'again.yaml')).toEqual(config);
    expect(text).toContain('batchSize: 100 # captions a step');
    const more = parseConfig(good, 'tiny.yaml', [
      'training.scheduledSampling={decay: linear}',
      'training.selfCritical={}',
    ]);
    expect(parseConfig(formatConfig(more), 'again.yaml')).toEqual(more);
    expect(formatConfig(more)).toMatch(/perEpoch: 0\.02 # what the share of right words falls by/);
  });
});
