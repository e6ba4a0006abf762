/** Script of the attention page. Each article is a player of its own; keys go to the one that was used last. */
export const PAGE_SCRIPT = `
'use strict';
const WORD_MILLISECONDS = 900;
const players = [...document.querySelectorAll('.player')].map(createPlayer).filter(Boolean);
let used = players[0];

function createPlayer(article) {
  const words = [...article.querySelectorAll('.word')];
  const veils = [...article.querySelectorAll('.veil')];
  const play = article.querySelector('.play');
  const now = article.querySelector('.now');
  if (words.length === 0) return null;
  let current = -1; // no word yet: the photo without a veil
  let timer = null;

  const lift = (index) => veils.forEach((veil, i) => veil.classList.toggle('shown', i === index));
  // One stop for the tab key; the arrow keys go from word to word.
  const tabStop = (index) => words.forEach((word, i) => (word.tabIndex = i === index ? 0 : -1));

  function show(index) {
    current = index;
    words.forEach((word, i) => word.setAttribute('aria-current', String(i === index)));
    tabStop(index);
    lift(index);
    now.textContent = words[index].dataset.note;
  }

  function pause() {
    clearInterval(timer);
    timer = null;
    play.textContent = 'Play';
    now.setAttribute('aria-live', 'polite');
  }

  function start() {
    // A screen reader would be interrupted by every word.
    now.setAttribute('aria-live', 'off');
    play.textContent = 'Pause';
    show(current + 1 < words.length ? current + 1 : 0);
    timer = setInterval(() => (current + 1 < words.length ? show(current + 1) : pause()), WORD_MILLISECONDS);
  }

  const player = {
    pause,
    toggle() {
      for (const other of players) if (other !== player) other.pause();
      if (timer === null) start();
      else pause();
    },
    choose(index) {
      pause();
      show(Math.min(Math.max(index, 0), words.length - 1));
    },
    step(by) {
      player.choose(current < 0 ? 0 : current + by);
      if (words.includes(document.activeElement)) words[current].focus();
    },
  };

  play.hidden = false;
  play.addEventListener('click', player.toggle);
  words.forEach((word, i) => {
    word.addEventListener('click', () => player.choose(i));
    word.addEventListener('pointerenter', (event) => {
      if (event.pointerType === 'mouse' && timer === null) lift(i);
    });
    word.addEventListener('pointerleave', (event) => {
      if (event.pointerType === 'mouse') lift(current);
    });
  });
  for (const event of ['focusin', 'pointerdown']) article.addEventListener(event, () => (used = player));
  tabStop(0);
  return player;
}

function keyed(event) {
  const target = event.target;
  const ours = target === document.body || target.closest('.word, .play');
  if (!used || !ours || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return false;
  // The play button answers to the space key by itself.
  if (event.key === ' ') return !target.closest('.play');
  return event.key === 'ArrowLeft' || event.key === 'ArrowRight';
}

document.addEventListener('keydown', (event) => {
  if (!keyed(event)) return;
  event.preventDefault();
  if (event.key !== ' ') used.step(event.key === 'ArrowLeft' ? -1 : 1);
  else if (!event.repeat) used.toggle();
});
// Where buttons act when the space key is let go, they would choose a word then.
document.addEventListener('keyup', (event) => {
  if (event.key === ' ' && keyed(event)) event.preventDefault();
});
`;
