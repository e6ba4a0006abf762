/** What a metric says of a set of images. */
export interface Scored {
  /** of the whole set */
  score: number;
  /** of each image by itself, in the order given */
  perImage: number[];
  /** of a sample of the images: their numbers, which may repeat */
  scoreOf(sample: ArrayLike<number>): number;
}

/** A metric whose score of a set is the mean over its images. */
export function meanScored(perImage: number[]): Scored {
  const scoreOf = (sample: ArrayLike<number>) => {
    let sum = 0;
    for (let i = 0; i < sample.length; i++) sum += perImage[sample[i]];
    return sum / sample.length;
  };
  return { score: scoreOf(perImage.map((_, i) => i)), perImage, scoreOf };
}
