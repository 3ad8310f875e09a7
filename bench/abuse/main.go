// Command abuse treats tghook and its rivals badly, each in a process of its own,
// and tells what became of the updates: it prints a benchmark line for each abuse
// and receiver, which ../table makes a table of.
//
// It stands in for Telegram: what is not answered 2xx is offered again, to a new
// process where the first has ended. An update is lost if it was answered 2xx and
// the bot never got to the end of it, and repeated as often as the bot got to the
// end of it once more.
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
	for _, a := range abuses {
		for _, library := range libraries() {
			name := "BenchmarkAbuse/" + a.name + "/" + library.Name
			if !wanted.MatchString(name) {
				continue
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			line, err := a.treat(ctx, library.Name)
			cancel()
			if err != nil {
				log.Fatalf("%s: %v", name, err)
			}
			fmt.Fprintln(os.Stdout, name, line)
		}
	}
}

func libraries() []rivals.Library { return append([]rivals.Library{rivals.Own}, rivals.All()...) }
