/** The one door to TensorFlow.js: `tf.matMul(x, y)`; chained methods are not registered. */
export * as tf from '@tensorflow/tfjs-core';
