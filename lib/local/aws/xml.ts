/** Content of an element. An array repeats its element; undefined leaves it out. */
export type XmlContent = string | number | boolean | Date | XmlChildren;
export type XmlChildren = { readonly [name: string]: XmlContent | readonly XmlContent[] | undefined };

/** An XML document in UTF-8 with one root element. Names come from our own tables; text is escaped. */
export function xmlDocument(root: string, namespace: string, children: XmlChildren): string {
  const open = `<${root} xmlns="${escapeXml(namespace)}">`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${open}${renderChildren(children)}</${root}>\n`;
}

/** Without an xmlns, as EC2's errors are. */
export function plainXmlDocument(root: string, children: XmlChildren): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root}>${renderChildren(children)}</${root}>\n`;
}

function renderChildren(children: XmlChildren): string {
  return Object.entries(children)
    .flatMap(([name, content]) => {
      if (content === undefined) return [];
      const items: readonly XmlContent[] = isArray(content) ? content : [content];
      return items.map((item) => `<${name}>${render(item)}</${name}>`);
    })
    .join("");
}

function render(content: XmlContent): string {
  if (content instanceof Date) return content.toISOString();
  return typeof content === "object" ? renderChildren(content) : escapeXml(String(content));
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};
/** Characters that XML 1.0 cannot hold in any form, lone surrogates included. */
// oxlint-disable-next-line no-control-regex -- these are the characters it is about
const unrepresentable = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]|\p{Surrogate}/gu;

function escapeXml(text: string): string {
  return text
    .replaceAll(unrepresentable, "\uFFFD")
    .replaceAll(/[&<>"']/gu, (character) => entities[character] ?? character)
    .replaceAll("\r", "&#xD;");
}

function isArray(content: XmlContent | readonly XmlContent[]): content is readonly XmlContent[] {
  return Array.isArray(content);
}
