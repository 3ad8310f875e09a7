package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tghook/tghook/cmd/tghook/internal/serve"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
)

const longServe = `serve is a gateway for bots in any language. It receives the updates of many bots, by webhook
or by getUpdates. Telegram is answered when an update is on the disk. Serve posts each update
to the URL of its bot exactly as Telegram does, in order for each chat, and again until the bot
has taken it. The method in the bot's answer is called, as Telegram would call it.

A bot that is down loses nothing. An update that always fails becomes a dead letter, which can
be seen, edited and replayed on the page.

The configuration is one file in YAML. SIGHUP or a change of the file takes a new one over,
without the loss of a request. If it has a mistake, the gateway goes on as it is.

docs/serve.md begins with a bot in PHP, and explains every field.`

// serveFlags are the flags of serve.
type serveFlags struct {
	config              string
	check, dump, schema bool
}

func newServe() *cobra.Command {
	f := new(serveFlags)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a gateway for bots in any language",
		Long:  longServe,
		Example: `  tghook serve                          with the file tghook.yaml of this folder
  tghook serve --config /etc/tghook.yaml
  tghook serve --check                  find all mistakes of the file, and start nothing
  tghook serve --dump                   the configuration with all defaults, without secrets
  tghook serve --schema                 the JSON Schema of the file, for editors`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.config, "config", "tghook.yaml", "the configuration file")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	flags.BoolVar(&f.check, "check", false, "check the file, and start nothing")
	flags.BoolVar(&f.dump, "dump", false, "print the configuration with all defaults, without secrets")
	flags.BoolVar(&f.schema, "schema", false, "print the JSON Schema of the file")
	cmd.MarkFlagsMutuallyExclusive("check", "dump", "schema")
	return cmd
}

func (f *serveFlags) run(cmd *cobra.Command) error {
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP) // first: it would end the process
	defer signal.Stop(reload)
	o := outputOf(cmd)
	if f.schema {
		_, err := o.out.Write(config.Schema())
		return err
	}
	file, err := config.Load(f.config)
	switch {
	case err != nil:
		return f.mistakes(o, err)
	case f.check:
		return o.print(struct {
			OK   bool `json:"ok"`
			Bots int  `json:"bots"`
		}{true, len(file.Bots)}, fmt.Sprintf("%s has no mistake; bots: %d", f.config, len(file.Bots)))
	case f.dump:
		text, err := file.Dump()
		if err != nil {
			return err
		}
		_, err = o.out.Write(text)
		return err
	}
	log := slog.New(logHandler(o.errs, file.Log))
	slog.SetDefault(log) // for the libraries
	return serve.Run(cmd.Context(), serve.Config{
		File: file, Path: f.config, Version: versionOf(), Logger: log, Reload: reload,
		Ready: func(a serve.Addresses) {
			if o.json {
				_ = o.print(a, "")
			}
			log.LogAttrs(cmd.Context(), slog.LevelInfo, "the gateway is ready", append(a.Attrs(), slog.Int("bots", len(file.Bots)))...)
		},
	})
}

// mistakes prints each mistake of the file in a line.
func (f *serveFlags) mistakes(o output, err error) error {
	var all *config.Mistakes
	switch {
	case errors.Is(err, fs.ErrNotExist) && !errors.As(err, &all):
		return usage("--config: there is no file %s; docs/serve.md shows one", f.config)
	case !errors.As(err, &all):
		return usage("--config: %w", err)
	}
	for _, m := range all.All {
		if o.json {
			_ = o.print(struct {
				File  string `json:"file"`
				Line  int    `json:"line"`
				Field string `json:"field"`
				What  string `json:"what"`
			}{f.config, m.Line, m.Field, m.What}, "")
			continue
		}
		fmt.Fprintf(o.errs, "%s:%d: %s: %s\n", f.config, m.Line, m.Field, m.What)
	}
	return statusError{code: exitUsage}
}

// logHandler writes the lines of the log as the file says.
func logHandler(w io.Writer, cfg config.Log) slog.Handler {
	options := &slog.HandlerOptions{Level: cfg.Level}
	if cfg.JSON {
		return slog.NewJSONHandler(w, options)
	}
	return slog.NewTextHandler(w, options)
}
