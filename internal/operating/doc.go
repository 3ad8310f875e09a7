// Package operating has the tests of docs/operating.md: of its code, its table of metrics, its
// alert rules and its dashboard. They need modules that no user of tghook should.
package operating
