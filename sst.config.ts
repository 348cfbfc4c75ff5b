/// <reference path="./.sst/platform/config.d.ts" />

// SST takes no imports up here; what a stage is made of is in infra/.
export default $config({
  async app({ stage }) {
    const { describeApp } = await import("./infra/index.ts");
    return describeApp(stage);
  },
  async run() {
    const { declareStage } = await import("./infra/index.ts");
    return declareStage($app.stage);
  },
});
