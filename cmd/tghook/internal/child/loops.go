package child

import "time"

const (
	// soon is how long after its start a bot is taken to have written a file itself.
	soon = 3 * time.Second
	// maxOwn is how many restarts in a row by one file that changes soon are made.
	maxOwn = 3
	// maxIgnored is how many files can be ignored.
	maxIgnored = 256
)

// A verdict says what a change is.
type verdict int

const (
	counts    verdict = iota // it restarts the bot
	ignored                  // it does not
	fromNowOn                // it does not, and this is the first time
)

// loops finds the files that a bot writes whenever it starts. Each would restart it for
// ever.
type loops struct {
	file    string // which restarted the bot
	inARow  int
	ignored map[string]bool
}

// judge says whether the change of a file restarts a bot that has run for so long.
func (l *loops) judge(file string, ran time.Duration) verdict {
	if l.ignored[file] {
		return ignored
	}
	if file != l.file || ran > soon {
		l.file, l.inARow = file, 0
	}
	l.inARow++
	if l.inARow <= maxOwn || len(l.ignored) == maxIgnored {
		return counts
	}
	if l.ignored == nil {
		l.ignored = map[string]bool{}
	}
	l.ignored[file] = true
	return fromNowOn
}
