package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/fatih/color"
	"github.com/spf13/cobra"
)

// output is where a command prints: text for people, or one JSON value a line with --json.
type output struct {
	out, errs io.Writer
	json      bool
	coloured  bool
}

// outputOf returns the output of a command.
func outputOf(cmd *cobra.Command) output {
	asJSON, _ := cmd.Flags().GetBool("json")
	return output{cmd.OutOrStdout(), cmd.ErrOrStderr(), asJSON, !asJSON && cmd.OutOrStdout() == io.Writer(os.Stdout) && !color.NoColor}
}

// print prints a value: as JSON, or as the text that people read.
func (o output) print(value any, text string) error {
	if !o.json {
		_, err := fmt.Fprintln(o.out, text)
		return err
	}
	e := json.NewEncoder(o.out)
	e.SetEscapeHTML(false)
	return e.Encode(value)
}

// paint returns the text in a colour if the output is a terminal.
func (o output) paint(text string, attributes ...color.Attribute) string {
	c := color.New(attributes...)
	if o.coloured {
		c.EnableColor()
	} else {
		c.DisableColor()
	}
	return c.Sprint(text)
}

const usualProgressAfter = time.Second

// progressAfter is how long something takes before progress says so. Tests change it.
var progressAfter = usualProgressAfter

// progress says what takes so long, if it takes longer than a second. The function that it
// returns ends that.
func (o output) progress(text string) (done func()) {
	timer := time.AfterFunc(progressAfter, func() { fmt.Fprintln(o.errs, "tghook:", text, "...") })
	return func() { timer.Stop() }
}

// A sharedWriter is written to by several goroutines.
type sharedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *sharedWriter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}
