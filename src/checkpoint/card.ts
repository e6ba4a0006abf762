/** The model card: what a checkpoint is, from what it was trained and how well it does. */
import { captionFilesOf, type Config } from '../config/index.js';
import type { Vocabulary } from '../data/index.js';
import type { CheckpointMetrics } from './checkpoint.js';

const percent = (value: number): string => (100 * value).toFixed(1);

function dataFiles(data: Config['data']): string {
  const files = captionFilesOf(data).map(({ file }) => file);
  return files.length > 0 ? files.join(', ') : data.images;
}

function decoderLine({ decoder }: Config): string {
  return decoder.type === 'lstm'
    ? `LSTM, ${decoder.layers} layer(s) of ${decoder.hidden} units, word vectors of ${decoder.embedding}; the image is the first input (Vinyals et al. 2015)`
    : `LSTM of ${decoder.hidden} units with soft attention of ${decoder.attention} units, word vectors of ${decoder.embedding} (Xu et al. 2015)`;
}

function scoreLines(metrics: CheckpointMetrics | null): string[] {
  if (!metrics?.validation) return ['No scores were taken.'];
  const { bleu, ciderD, images, tokenizer, maxWords } = metrics.validation;
  const columns = [...bleu.map((_, i) => `BLEU-${i + 1}`), ...(ciderD === undefined ? [] : ['CIDEr-D'])];
  const scores = [...bleu, ...(ciderD === undefined ? [] : [ciderD])];
  return [
    `On the validation split (${images} images, greedy decoding, at most ${maxWords} words, tokenizer \`${tokenizer}\`, scores as pycocoevalcap computes them, times 100):`,
    '',
    `| ${columns.join(' | ')} |`,
    `| ${columns.map(() => '---').join(' | ')} |`,
    `| ${scores.map(percent).join(' | ')} |`,
  ];
}

function objectiveLines({ training, seed }: Config, metrics: CheckpointMetrics | null): string[] {
  const { labelSmoothing, doublyStochastic, scheduledSampling, averageDecay, selfCritical } = training;
  const details = [
    ...(labelSmoothing > 0 ? [`label smoothing ${labelSmoothing}`] : []),
    ...(doublyStochastic > 0 ? [`doubly stochastic attention ${doublyStochastic}`] : []),
    ...(scheduledSampling ? [`scheduled sampling (${scheduledSampling.decay})`] : []),
    `${training.optimizer} ${training.learningRate}, schedule ${training.schedule}, batch ${training.batchSize}, seed ${seed}`,
    ...(averageDecay === null ? [] : [`moving average of the weights, ${averageDecay}`]),
  ];
  const lines = [
    `- Objective: teacher-forced cross-entropy over words and the end of the caption; ${details.join('; ')}`,
  ];
  if (selfCritical && metrics?.selfCritical) {
    const { samples, baseline, learningRate, interpolation } = selfCritical;
    const shown =
      interpolation < 1 ? `, weights ${interpolation} of the way from those of the first stage` : '';
    lines.push(
      `- Then self-critical: CIDEr-D of ${samples} sampled captions an image, baseline ${baseline}, learning rate ${learningRate}${shown}`,
    );
  }
  return lines;
}

function augmentLines({
  flip,
  crop,
  brightness,
  contrast,
  saturation,
}: Config['training']['augment']): string[] {
  const changes = [
    ...(flip > 0 ? [`${percent(flip)} % mirrored`] : []),
    ...(crop < 1 ? [`cropped to ${percent(crop)} to 100 % of the area`] : []),
    ...(brightness + contrast + saturation > 0 ? ['colours changed'] : []),
  ];
  return changes.length > 0 ? [`- Images changed at random: ${changes.join(', ')}`] : [];
}

function trainingLines({ config, metrics }: { config: Config; metrics: CheckpointMetrics | null }): string[] {
  return [
    `- Data: ${dataFiles(config.data)}${metrics ? ` (${metrics.trainImages} images, ${metrics.trainCaptions} captions)` : ''}`,
    ...augmentLines(config.training.augment),
    ...objectiveLines(config, metrics),
    ...(metrics
      ? [
          `- Taken after epoch ${metrics.epoch} (step ${metrics.step}), ${Math.round(metrics.seconds)} s of training${metrics.selfCritical ? '' : `; training loss ${metrics.trainLoss?.toFixed(3) ?? 'unknown'} nats a token`}`,
        ]
      : []),
    '- Command: `showtell train --config DIR/config.yaml`, run where the paths of this `config.yaml`, the whole configuration, lead to the files.',
  ];
}

function trainingOf(train: string): string {
  if (train === 'none') return 'frozen';
  return `trained with the decoder${train === 'all' ? '' : ` ${train.replace('from-stage', 'from')} on`}`;
}

/** Markdown for `README.md` of a checkpoint. */
export function modelCard(parts: {
  config: Config;
  vocabulary: Vocabulary;
  metrics: CheckpointMetrics | null;
  modelBytes: number;
  imported?: boolean;
}): string {
  const { config, vocabulary, metrics } = parts;
  const encoderTraining = trainingOf(config.encoder.train);
  const lines = [
    `# ${config.name}`,
    '',
    'An image captioning model of showtell.',
    ...(config.about === '' ? [] : ['', config.about.trim()]),
    '',
    'Caption images with it:',
    '',
    '```',
    'showtell caption --checkpoint DIR IMAGE...',
    '```',
    '',
    '## Model',
    `- Encoder: \`${config.encoder.name}\`, ${encoderTraining}, initial weights: ${config.encoder.weights ?? 'random'}`,
    `- Decoder: ${decoderLine(config)}`,
    `- Vocabulary: ${vocabulary.size} entries, tokenizer \`${config.text.tokenizer}\`${parts.imported ? '' : `, words seen at least ${config.text.minCount} times in training`}`,
    `- File: ${(parts.modelBytes / 2 ** 20).toFixed(1)} MiB, ${config.training.checkpointPrecision}`,
    '',
    '## Training',
    ...(parts.imported ? ['By another program; nothing is known of it here.'] : trainingLines(parts)),
    '',
    '## Scores',
    ...scoreLines(metrics),
    '',
    '## Limits',
    "It describes what its training data showed, in that data's words, and is wrong with confidence elsewhere. Do not rely on it where a wrong description does harm. The licences of the training images, captions and initial weights apply to what you do with it.",
    '',
  ];
  return lines.join('\n');
}
