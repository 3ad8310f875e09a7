// Command abuse treats tghook and its rivals badly, each in a process of its own, and
// reports the fate of the updates. It prints a benchmark line for each abuse and
// receiver, from which ../table makes a table.
//
// It stands in for Telegram: it offers an update again if it was not answered 2xx, to a
// new process if the first has ended. An update is lost if it was answered 2xx and the
// bot never got to the end of it. It is repeated each further time that the bot got to
// the end of it.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"regexp"
	"time"

	"github.com/tghook/tghook/bench/rivals"
)

const patience = 2 * time.Minute // for one abuse

func main() {
	log.SetFlags(0)
	log.SetPrefix("abuse: ")
	bench := flag.String("bench", ".", "what to do, a regular expression")
	flag.Parse()
	if flag.NArg() == 2 { // a child
		if err := serve(flag.Arg(0), behaviour(flag.Arg(1))); err != nil {
			log.Fatal(err)
		}
		return
	}
	wanted, err := regexp.Compile(*bench)
	if err != nil {
		log.Fatal(err)
	}
	all, err := receivers()
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range abuses {
		for _, r := range all {
			name := "BenchmarkAbuse/" + a.name + "/" + r.name
			if !wanted.MatchString(name) {
				continue
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			line, err := a.treat(ctx, r)
			cancel()
			if err != nil {
				log.Fatalf("%s: %v", name, err)
			}
			fmt.Fprintln(os.Stdout, name, line)
		}
	}
}

// receiver is a receiver under test.
type receiver struct {
	name    string
	command []string // and its behaviour
}

func receivers() ([]receiver, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var all []receiver
	for _, library := range libraries() {
		all = append(all, receiver{library.Name, []string{self, library.Name}})
	}
	return append(all,
		receiver{"grammy", []string{"node", "grammy/abuse.mjs"}},
		receiver{"grammy_caught", []string{"node", "grammy/abuse.mjs", "caught"}}), nil
}

func libraries() []rivals.Library { return append([]rivals.Library{rivals.Own}, rivals.All()...) }
