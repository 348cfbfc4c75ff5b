import { expect, test } from "vitest";
import { plainXmlDocument, xmlDocument } from "#lib/local/aws/xml.ts";

const prolog = '<?xml version="1.0" encoding="UTF-8"?>\n';

test("objects nest, arrays repeat their element, undefined is left out, empty stays", () => {
  const children = { a: { b: [1, true] }, gone: undefined, none: [], empty: "", when: new Date(0) };
  expect(xmlDocument("R", "urn:x", children)).toBe(
    `${prolog}<R xmlns="urn:x"><a><b>1</b><b>true</b></a><empty></empty><when>1970-01-01T00:00:00.000Z</when></R>\n`,
  );
});

test("text cannot become markup, and characters that XML lacks are replaced", () => {
  const text = `<a & "b" 'c'>\r\n\u0000\uD800]]>`;
  expect(plainXmlDocument("R", { text })).toBe(
    `${prolog}<R><text>&lt;a &amp; &quot;b&quot; &apos;c&apos;&gt;&#xD;\n\uFFFD\uFFFD]]&gt;</text></R>\n`,
  );
});
