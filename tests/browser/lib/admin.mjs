// What the administrator does on many pages.

/** Signs in on the login page. */
export async function signIn(page, password, next = '/admin') {
  await page.goto(`/admin/login?next=${encodeURIComponent(next)}`);
  await page.locator('input[name=password]').fill(password);
  await page.locator('form:has(input[name=password]) button[type=submit], form:has(input[name=password]) button:not([type])').first().click();
  await page.waitForURL((url) => !url.pathname.startsWith('/admin/login'));
}
