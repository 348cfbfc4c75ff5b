import type { PosternConfig } from "./infra/settings/schema.ts";

/** What differs from `infra/stage.ts`, by stage; its schema says what each setting means. Checked before anything is declared. */
const config: PosternConfig = {
  stages: {},
};

export default config;
