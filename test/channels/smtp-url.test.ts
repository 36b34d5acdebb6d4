import { describe, expect, test } from "vitest";
import { parseSmtpUrl } from "../../src/channels/smtp-url.ts";

describe("an SMTP address", () => {
  const good: ReadonlyArray<[url: string, expected: object]> = [
    ["smtps://mail.example.kz", { host: "mail.example.kz", port: 465, tls: "implicit" }],
    ["smtps://mail.example.kz:2465/", { port: 2465, tls: "implicit", login: null }],
    ["smtp://mail.example.kz", { port: 587, tls: "starttls", rejectUnauthorized: true }],
    ["smtp://10.0.0.5:25", { host: "10.0.0.5", port: 25, tls: "starttls" }],
    ["smtp://127.evil.test", { tls: "starttls" }],
    ["smtp://mail.example.kz?requireTLS=false", { tls: "if_offered" }],
    [
      "smtp://mail.example.kz?tls.rejectUnauthorized=false",
      { tls: "starttls", rejectUnauthorized: false },
    ],
    ["smtp://127.0.0.1:1025", { tls: "off", rejectUnauthorized: true }],
    ["smtp://localhost:1025", { tls: "off" }],
    ["smtp://[::1]:1025", { host: "::1", tls: "off" }],
    ["smtp://localhost:1025?requireTLS=true", { tls: "starttls" }],
    ["smtp://a%40b.kz:p%40s%2Fs@mail.example.kz", { login: { user: "a@b.kz", pass: "p@s/s" } }],
  ];
  for (const [url, expected] of good) {
    test(`${url} is understood`, () => {
      expect(parseSmtpUrl(url)).toMatchObject(expected);
    });
  }

  const bad = [
    "",
    "mail.example.kz",
    "http://mail.example.kz",
    "smtp://",
    "smtp://mail.example.kz:465",
    "smtp://mail.example.kz/path",
    "smtp://mail.example.kz#x",
    "smtp://user:canary@mail.example.kz?pool=true",
    "smtp://user:canary@mail.example.kz?requireTLS=maybe",
    "smtp://user@mail.example.kz",
    "smtp://:canary@mail.example.kz",
    "smtp://user:canary%ZZ@mail.example.kz",
    "smtp://user:canary@mail example.kz",
    "smtp://ma%0d%0ail.example.kz",
  ];
  for (const url of bad) {
    test(`${JSON.stringify(url)} is refused, without its password`, () => {
      expect(() => parseSmtpUrl(url)).toThrow(
        expect.objectContaining({
          code: "ONCEBOX_CONFIG_INVALID",
          message: expect.not.stringContaining("canary"),
          detail: expect.not.stringContaining("canary"),
          hint: expect.not.stringContaining("canary"),
        }),
      );
    });
  }
});
