/** Rows of features for rows of captions. */
import { tf } from '../../backend/index.js';
import type { CaptionBatch } from '../../data/index.js';

/** Features of each image (U, ...) as features of each caption (B, ...): the same tensor where that is no difference. */
export function perCaption(features: tf.Tensor, { images, imageOfRow }: CaptionBatch): tf.Tensor {
  const inOrder = images.length === imageOfRow.length && imageOfRow.every((image, row) => image === row);
  if (inOrder) return features;
  return tf.tidy(() => tf.gather(features, tf.tensor1d(imageOfRow, 'int32')));
}
