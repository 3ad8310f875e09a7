// Tghook runs a Telegram on your desk, and finds out why a webhook does not work.
//
//	go install github.com/tghook/tghook/cmd/tghook@latest
//	tghook dev --demo
//
// See tghook help for all commands.
package main

import (
	"os"

	"github.com/tghook/tghook/cmd/tghook/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
