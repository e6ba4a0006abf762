/** A scene as SVG without fonts, filters or links, so that it looks the same wherever it is rasterised. */
import { Random } from '../core/index.js';
import { SCENE_SIZE } from './scenes.js';
import type { Colour, Ground, Scene, SceneObject } from './scenes.js';

const FILL: Record<Colour, string> = {
  red: '#d92b2b',
  green: '#1e8a3c',
  blue: '#2456d6',
  yellow: '#f7d417',
  purple: '#8a2fb8',
  black: '#23262e',
};

/** Upper and lower colour of each ground. */
const GROUND: Record<Ground, readonly [string, string]> = {
  grass: ['#d9ebc6', '#c6e0ac'],
  sand: ['#f5e9cc', '#ecdcb2'],
  snow: ['#f4f6f9', '#e4eaf0'],
  sky: ['#c2e0f6', '#d8ecfa'],
  dusk: ['#e0cdea', '#f3d9dc'],
};

/** @param side width and height in pixels at which the drawing asks to be shown */
export function drawScene(scene: Scene, side: number = SCENE_SIZE): string {
  const [top, bottom] = GROUND[scene.ground];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}" viewBox="0 0 ${SCENE_SIZE} ${SCENE_SIZE}">`,
    `<defs><linearGradient id="g" x1="0" y1="0" x2="0" y2="1"><stop stop-color="${top}"/>`,
    `<stop offset="1" stop-color="${bottom}"/></linearGradient></defs>`,
    `<rect width="${SCENE_SIZE}" height="${SCENE_SIZE}" fill="url(#g)"/>`,
    drawTexture(scene),
    ...scene.objects.map(drawObject),
    '</svg>',
  ].join('');
}

function drawObject(object: SceneObject): string {
  const { x, y, radius } = object;
  const at = `transform="translate(${round(x)} ${round(y)}) rotate(${round(object.angle)}) scale(${round(radius)})"`;
  const style = `fill="${FILL[object.colour]}" stroke="#20242c" stroke-width="${round(1.1 / radius)}" stroke-linejoin="round"`;
  return `<g ${at} ${style}>${outline(object)}</g>`;
}

/** The shape inside a circle of radius 1 around the origin. */
function outline(object: SceneObject): string {
  switch (object.shape) {
    case 'circle':
      return '<circle r="0.92"/>';
    case 'square':
      return '<rect x="-0.76" y="-0.76" width="1.52" height="1.52"/>';
    case 'triangle':
      return `<path d="${polygon(3, 1)}"/>`;
    case 'star':
      return `<path d="${polygon(5, 0.42)}"/>`;
    case 'heart':
      return '<path d="M0 0.95C-1.5 -0.1 -0.9 -0.95 -0.45 -0.88C-0.15 -0.85 0 -0.55 0 -0.4C0 -0.55 0.15 -0.85 0.45 -0.88C0.9 -0.95 1.5 -0.1 0 0.95Z"/>';
  }
}

/** A polygon with its first corner at the top; `inner` below 1 pulls every second of 2 x corners in, to a star. */
function polygon(corners: number, inner: number): string {
  const points = inner === 1 ? corners : 2 * corners;
  const path = Array.from({ length: points }, (_, i) => {
    const angle = (2 * Math.PI * i) / points - Math.PI / 2;
    const radius = i % 2 === 1 ? inner : 1;
    return `${round(radius * Math.cos(angle))} ${round(radius * Math.sin(angle))}`;
  });
  return `M${path.join('L')}Z`;
}

/** Tufts, grains, flakes, clouds or specks. */
function drawTexture(scene: Scene): string {
  const random = Random.for(scene.texture, 'texture');
  const many = (count: number, draw: (x: number, y: number) => string): string =>
    Array.from({ length: count }, () =>
      draw(round(SCENE_SIZE * random.next()), round(SCENE_SIZE * random.next())),
    ).join('');
  switch (scene.ground) {
    case 'grass':
      return `<path fill="none" stroke="#a5c987" stroke-width="0.7" d="${many(26, (x, y) => `M${x} ${y}l-0.8 -2.2M${x} ${y}l0.9 -2.4`)}"/>`;
    case 'sand':
      return `<g fill="#d8c08a">${many(34, (x, y) => `<circle cx="${x}" cy="${y}" r="0.5"/>`)}</g>`;
    case 'snow':
      return `<g fill="#c9d5e2">${many(18, (x, y) => `<ellipse cx="${x}" cy="${y}" rx="2.2" ry="0.5"/>`)}</g>`;
    case 'sky':
      return `<g fill="#ffffff" fill-opacity="0.55">${many(3, (x, y) => `<ellipse cx="${x}" cy="${y}" rx="8" ry="2.4"/><ellipse cx="${round(x + 3)}" cy="${round(y - 1.6)}" rx="4" ry="2.2"/>`)}</g>`;
    case 'dusk':
      return `<g fill="#b79fc9">${many(22, (x, y) => `<circle cx="${x}" cy="${y}" r="0.45"/>`)}</g>`;
  }
}

/** Three decimals: short files, and no last digit that differs between machines. */
const round = (value: number): number => Math.round(value * 1000) / 1000;
