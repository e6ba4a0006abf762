/** A photo from the camera: a dialog with its picture, or the phone's own where a page may not see it. */
import { byId } from './dom.js';
import { label } from './words.js';

/** @param onPhoto takes every photo that was taken @param onFallback opens the phone's own camera */
export function setUpCamera(onPhoto: (photo: Blob) => void, onFallback: () => void): void {
  const dialog = byId<HTMLDialogElement>('camera-dialog');
  const video = byId<HTMLVideoElement>('camera-video');
  const problem = byId('camera-problem');
  const take = byId<HTMLButtonElement>('camera-take');
  let stream: MediaStream | undefined;

  /** Which opening of the dialog is the present one: an earlier one may get its camera late. */
  let opening = 0;

  const stop = () => {
    opening++;
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = undefined;
    video.srcObject = null;
  };

  byId('camera').addEventListener('click', () => void open());
  byId('camera-cancel').addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', stop);
  take.addEventListener('click', () => {
    const canvas = document.createElement('canvas');
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext('2d')!.drawImage(video, 0, 0);
    canvas.toBlob((photo) => photo && onPhoto(photo), 'image/jpeg', 0.92);
    dialog.close();
  });

  async function open(): Promise<void> {
    // Browsers give the camera to secure pages only: https, or this machine itself.
    if (!navigator.mediaDevices) {
      onFallback();
      return;
    }
    problem.hidden = true;
    take.disabled = true;
    dialog.showModal();
    const mine = ++opening;
    try {
      const wanted = { facingMode: 'environment', width: { ideal: 1920 } };
      const opened = await navigator.mediaDevices.getUserMedia({ video: wanted });
      if (mine !== opening) {
        // Cancelled while the browser asked.
        for (const track of opened.getTracks()) track.stop();
        return;
      }
      stream = opened;
      video.srcObject = opened;
      await video.play();
      take.disabled = false;
    } catch (error) {
      if (mine !== opening) return;
      stop();
      label(problem, 'cameraRefused', { why: error instanceof Error ? error.message : String(error) });
      problem.hidden = false;
    }
  }
}
