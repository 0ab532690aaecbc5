// What the administrator does on many pages.

/** Signs in on the login page. */
export async function signIn(page, password, next = '/admin') {
  await page.goto(`/admin/login?next=${encodeURIComponent(next)}`);
  await fillLogin(page, password);
  await page.waitForURL((url) => !url.pathname.startsWith('/admin/login'));
}

/** Fills the login form and sends it. */
export async function fillLogin(page, password, user = 'admin') {
  await page.getByLabel('User name').fill(user);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}
