/** What both decoders share: named parameters, and the teacher-forced sequence as loss and gradients. */
import { tf } from '../../backend/index.js';
import { UserError } from '../../core/index.js';
import type { StateDict, StateEntry } from '../state.js';
import type { Parameters } from './parameters.js';
import { differentiableLoss, type SequenceRequest } from './sequence-operation.js';
import { teacherForced } from './teacher-forced.js';
import type {
  Decoder,
  DecoderConfig,
  DecoderState,
  DecoderStep,
  LossAndGradients,
  SequenceOptions,
  TeacherForcedBatch,
} from './types.js';
import { vocabularyLogits } from './words.js';

/** A parameter's value by its name. */
export type Lookup = (name: string) => tf.Tensor2D;

export abstract class BaseDecoder implements Decoder {
  abstract readonly type: DecoderConfig['type'];
  abstract readonly features: 'pooled' | 'map';
  abstract readonly config: DecoderConfig;
  abstract readonly vocabularySize: number;
  protected abstract readonly parameters: Parameters;

  abstract start(features: tf.Tensor): DecoderState;
  abstract step(state: DecoderState, words: tf.Tensor1D): DecoderStep;
  protected abstract sequence(
    p: Lookup,
    features: tf.Tensor,
    batch: TeacherForcedBatch,
    request: SequenceRequest,
  ): LossAndGradients;

  /** For the vocabulary, (B, H) -> (B, V). @param layer of the projection */
  protected logits(layer: string, h: tf.Tensor2D): tf.Tensor2D {
    const p = (name: string) => this.parameters.get(name) as tf.Tensor as tf.Tensor2D;
    return vocabularyLogits(p, layer, h, this.config.tieWeights);
  }

  variables(): Map<string, tf.Variable> {
    return this.parameters.variables;
  }

  select(state: DecoderState, rows: tf.Tensor1D, images?: tf.Tensor1D): DecoderState {
    const of = (tensors: Record<string, tf.Tensor>, index?: tf.Tensor1D) =>
      Object.fromEntries(
        Object.entries(tensors).map(([name, value]) => [
          name,
          index ? tf.gather(value, index) : tf.clone(value),
        ]),
      );
    return { tensors: of(state.tensors, rows), images: of(state.images, images) };
  }

  loss(features: tf.Tensor, batch: TeacherForcedBatch, options: SequenceOptions = {}): tf.Scalar {
    return differentiableLoss(this.variables(), features, (gradients) =>
      this.run(features, batch, options, { gradients, featureGradient: gradients }),
    );
  }

  lossAndGradients(
    features: tf.Tensor,
    batch: TeacherForcedBatch,
    options: SequenceOptions & { featureGradient?: boolean } = {},
  ): LossAndGradients {
    const { featureGradient = false } = options;
    return this.run(features, batch, options, { gradients: true, featureGradient });
  }

  private run(
    features: tf.Tensor,
    batch: TeacherForcedBatch,
    {
      training = false,
      seed = 0,
      labelSmoothing = 0,
      doublyStochastic = 0,
      never = [],
      listener,
    }: SequenceOptions,
    wanted: { gradients: boolean; featureGradient: boolean },
  ): LossAndGradients {
    const p = (name: string) => this.parameters.get(name) as tf.Tensor as tf.Tensor2D;
    if (doublyStochastic > 0 && this.type !== 'soft-attention') {
      throw new UserError(`training.doublyStochastic: a decoder of type ${this.type} has no attention`, {
        hint: 'set it to 0, or decoder.type to soft-attention',
      });
    }
    const dropoutSeed = training ? seed : null;
    return this.sequence(p, features, batch, {
      ...wanted,
      dropoutSeed,
      labelSmoothing,
      doublyStochastic,
      never,
      listener,
    });
  }

  teacherForced(
    features: tf.Tensor,
    batch: TeacherForcedBatch,
  ): { logits: tf.Tensor3D; attention?: tf.Tensor3D } {
    return teacherForced(this, features, batch);
  }

  toTorch(name: string, value: tf.Tensor): StateEntry {
    return this.parameters.toTorch(name, value);
  }

  stateDict(): StateDict {
    return this.parameters.stateDict();
  }

  loadState(state: StateDict): void {
    this.parameters.loadState(state);
  }

  dispose(): void {
    this.parameters.dispose();
  }
}
