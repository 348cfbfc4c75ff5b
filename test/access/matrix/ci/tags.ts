/** Tags of what is there. */
export function tags(stage: string, app = "postern") {
  return { "postern:app": app, "postern:stage": stage };
}

/** Tags that a request gives to what it makes. */
export function giving(stage: string, app = "postern") {
  return Object.fromEntries(Object.entries(tags(stage, app)).map(([key, value]) => [`aws:RequestTag/${key}`, value]));
}

export const ofPreview = tags("pr-7");
export const ofDev = tags("dev");
export const ofShop = tags("pr-7", "shop");
