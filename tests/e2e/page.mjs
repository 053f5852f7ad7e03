// Opens the live page in Chromium and tells, as one line of JSON, what it saw of the devices that
// it was told to wait for. Usage: node page.mjs <url> <profile directory> <device>…
// Exit code 1: the page did not show them in time; what it showed instead is on stderr.
import { chromium } from 'playwright-core';

const [url, profile, ...devices] = process.argv.slice(2);
const patience = 60_000;

const context = await chromium.launchPersistentContext(profile, {
  executablePath: '/usr/bin/chromium',
  headless: true,
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
});
const page = context.pages()[0] ?? await context.newPage();
const complaints = [];
page.on('console', (message) => {
  if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
});
page.on('pageerror', (error) => complaints.push(String(error)));
await page.addInitScript(() => {
  window.violations = [];
  document.addEventListener('securitypolicyviolation', (event) => {
    window.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
  });
});

// The smallest element that holds the device's id, and the row that it is in.
const rowOf = (device) => page.getByText(device, { exact: true }).first()
  .locator('xpath=ancestor-or-self::*[self::tr or self::li or self::article or @role="row"'
    + ' or @data-device][1]');

let code = 0;
try {
  await page.goto(url, { timeout: patience });
  const changes = {};
  for (const device of devices) {
    const row = rowOf(device);
    await row.waitFor({ timeout: patience });
    const seen = new Set([await row.innerText()]);
    const until = Date.now() + patience;
    while (seen.size < 3 && Date.now() < until) {
      await page.waitForTimeout(50);
      seen.add(await row.innerText());
    }
    changes[device] = [...seen];
  }
  const violations = await page.evaluate(() => window.violations);
  const address = await page.evaluate(() => location.href);
  console.log(JSON.stringify({ title: await page.title(), changes, complaints, violations, address }));
} catch (error) {
  console.error(String(error), JSON.stringify(complaints), await page.content().catch(() => ''));
  code = 1;
}
await context.close();
process.exit(code);
