package tgpostgres

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/tghook/tghook"
)

// The default names, as schema.sql and the statements have them.
const (
	defaultPrefix = "tghook_"
	updatesTable  = "updates"
	expiryIndex   = "updates_forget_after" // the longest name
	albumsTable   = "albums"
	queueTable    = "queue"
	doneTable     = "queue_done"
	headsIndex    = "queue_heads"
	lanesIndex    = "queue_lanes"
	deadIndex     = "queue_dead"
	slots         = 3 // partitions of doneTable: queue_done_0 and so on
)

// maxName is how many bytes a name of PostgreSQL has at most. It cuts longer ones.
const maxName = 63

// names are the quoted names of the tables.
type names struct {
	updates, albums, queue, done string
	doneSlots                    [slots]string
	replacer                     *strings.Replacer
}

func newNames(cfg Config) (names, error) {
	prefix := cfg.Prefix
	if prefix == "" {
		prefix = defaultPrefix
	}
	if problem := badName(prefix, maxName-len(expiryIndex)); problem != "" {
		return names{}, &tghook.ConfigError{Field: "tgpostgres.Config.Prefix", Problem: problem}
	}
	if problem := badName(cfg.Schema, maxName); problem != "" {
		return names{}, &tghook.ConfigError{Field: "tgpostgres.Config.Schema", Problem: problem}
	}
	qualified := func(name string) string {
		if cfg.Schema == "" {
			return pgx.Identifier{prefix + name}.Sanitize()
		}
		return pgx.Identifier{cfg.Schema, prefix + name}.Sanitize()
	}
	n := names{updates: qualified(updatesTable), albums: qualified(albumsTable), queue: qualified(queueTable), done: qualified(doneTable)}
	var pairs []string // where one name begins with another, the longer one is first
	for _, index := range []string{expiryIndex, headsIndex, lanesIndex, deadIndex} {
		pairs = append(pairs, defaultPrefix+index, pgx.Identifier{prefix + index}.Sanitize()) // an index is in the schema of its table
	}
	for i := range n.doneSlots {
		slot := doneTable + "_" + strconv.Itoa(i)
		n.doneSlots[i] = qualified(slot)
		pairs = append(pairs, defaultPrefix+slot, n.doneSlots[i])
	}
	n.replacer = strings.NewReplacer(append(pairs,
		defaultPrefix+updatesTable, n.updates,
		defaultPrefix+albumsTable, n.albums,
		defaultPrefix+doneTable, n.done,
		defaultPrefix+queueTable, n.queue,
	)...)
	return n, nil
}

// badName returns the mistake in a name. If there is none, it returns an empty text.
func badName(name string, longest int) string {
	switch {
	case len(name) > longest:
		return "it has " + strconv.Itoa(len(name)) + " bytes; it may have " + strconv.Itoa(longest)
	case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		return strconv.Quote(name) + " is not valid UTF-8, or has a zero byte"
	}
	return ""
}

// in returns a text with these names in place of the default ones.
func (n names) in(text string) string { return n.replacer.Replace(text) }
