/** Of the made-up network. */
export const farHost = "10.9.0.2";
export const firstPort = 20_000;
export const portCount = 4000;
