/** An account for what may be lost, and one for what is protected. Databases are known, except that of `preview`. */
export const settings = {
  repository: { owner: "acme", ownerId: "4242", name: "shop", id: "987654" },
  accounts: [
    {
      name: "development",
      id: "111111111111",
      region: "eu-central-1",
      stages: {
        dev: { protected: false, databaseId: "db-DEVDEVDEVDEV" },
        staging: { protected: false, databaseId: "db-STAGINGSTAGING" },
        preview: { protected: false },
      },
      environments: { preview: { deploys: ["pr-*"] } },
    },
    {
      name: "production",
      id: "222222222222",
      region: "eu-central-1",
      breakGlass: { users: ["ann"], permissionSet: "PosternBreakGlass" },
      stages: {
        production: { protected: true, databaseId: "db-PRODUCTION" },
        reports: { protected: true },
        tools: { protected: false, databaseId: "db-TOOLS" },
      },
      environments: {
        production: { deploys: ["production"], branch: "main" },
        "production-migrate": { migrates: ["production"], branch: "main" },
      },
      audit: { email: "security@acme.example", sessionPreferences: true },
    },
  ],
} as const;
