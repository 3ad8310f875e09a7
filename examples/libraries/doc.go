// Package libraries has one bot, built eight times: on each of seven bot libraries, and
// without a library. docs/libraries.md explains them.
package libraries
