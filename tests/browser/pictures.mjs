/* Whether a picture moves: what shows on a page is counted there, frame by frame. */

/** In every page: `framesOf(video)` is how many frames it has shown since that was asked first. */
export function countsFrames() {
  const counts = new WeakMap();
  globalThis.framesOf = (video) => {
    if (!counts.has(video)) {
      let shownBefore;
      const count = (_now, { presentedFrames }) => {
        shownBefore ??= presentedFrames;
        counts.set(video, presentedFrames - shownBefore);
        video.requestVideoFrameCallback(count);
      };
      counts.set(video, 0);
      video.requestVideoFrameCallback(count);
    }
    return counts.get(video);
  };
}

/** Waits until a video is to be seen and its picture has changed several more times. */
export async function moves(page, video) {
  const before = await page.evaluate((video) => globalThis.framesOf(video), video);
  await page.waitForFunction(([video, before]) => {
    return globalThis.framesOf(video) >= before + 5 && video.videoWidth > 0 && video.getClientRects().length > 0;
  }, [video, before]);
}

/** Notes how long a moving picture stands still, from now on. */
export async function watch(page, video) {
  await moves(page, video);
  await page.evaluate((video) => {
    let frames = globalThis.framesOf(video);
    let movedAt = performance.now();
    video.longestStandstill = 0;
    video.look = () => {
      const now = performance.now();
      video.longestStandstill = Math.max(video.longestStandstill, now - movedAt);
      const count = globalThis.framesOf(video);
      if (count > frames) [frames, movedAt] = [count, now];
    };
    setInterval(video.look, 100);
  }, video);
  return {
    longestStandstill: () => page.evaluate((video) => {
      video.look();
      return video.isConnected ? video.longestStandstill : Infinity;
    }, video),
  };
}
