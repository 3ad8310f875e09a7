// Package tgtelego brings updates to a bot of github.com/mymmrac/telego.
package tgtelego
