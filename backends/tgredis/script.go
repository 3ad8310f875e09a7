package tgredis

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed claim.lua
var claimText string

//go:embed renew.lua
var renewText string

//go:embed done.lua
var doneText string

//go:embed end.lua
var endText string

//go:embed load.lua
var loadText string

//go:embed save.lua
var saveText string

//go:embed lanes.lua
var lanesText string

// Each step of the Store is one script, which Redis runs as a whole. The client of the user
// may send a script again when its answer was lost, and a first copy may arrive after the
// second. So a script that is repeated changes nothing, and returns the same.
var (
	claimScript = redis.NewScript(claimText)
	renewScript = redis.NewScript(renewText)
	doneScript  = redis.NewScript(doneText)
	endScript   = redis.NewScript(endText)
	loadScript  = redis.NewScript(loadText)
	saveScript  = redis.NewScript(saveText)
	lanesScript = redis.NewScript(lanesText)
)

// The first value that a script returns.
const (
	lost = 0 // the claim does not hold, or the version is not the old one
	// granted is the state of Claim. For the other scripts it says that they have done it.
	granted   = 1
	elsewhere = 2
	done      = 3
)

// large is how long a reply or an album is that should not be sent twice. Its script is sent
// with it, and not only the script's name, which Redis may not know.
const large = 64 << 10

// run runs a script. It returns what the script returns: a number, and what belongs to it.
func (s *Store) run(ctx context.Context, script *redis.Script, keys []string, args ...any) (int64, []any, error) {
	send := script.Run
	if slices.ContainsFunc(args, func(arg any) bool { text, _ := arg.([]byte); return len(text) > large }) {
		send = script.Eval
	}
	values, err := send(ctx, s.client, keys, args...).Slice()
	if err != nil {
		return 0, nil, explain(err)
	}
	if len(values) > 0 {
		if n, ok := values[0].(int64); ok {
			return n, values[1:], nil
		}
	}
	return 0, nil, fmt.Errorf("the script has returned %d values that it never returns: is there a proxy that changes answers?", len(values))
}

// milliseconds returns d as a script gets it. It rounds up.
func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

const permissions = "the documentation of tgredis has the commands and keys that the user needs"

// advice says what to do about an error of Redis that begins with prefix.
var advice = []struct{ prefix, text string }{
	{"NOAUTH", "set the Password of the client, and the Username if the server has users"},
	{"WRONGPASS", "the Username or the Password of the client is wrong"},
	{"NOPERM", permissions},
	{"The user executing the script can't", permissions}, // of a command in a script, by 7.0
	{"ACL failure in script", permissions},               // and since 7.2
	{"OOM", "Redis has reached maxmemory: raise it"},
	{"MISCONF", "Redis cannot write to its disk: see its log"},
	{"NOREPLICAS", "fewer replicas are in reach than min-replicas-to-write wants"},
	{"READONLY", "the client has reached a replica: give it the master, by NewFailoverClient or NewClusterClient"},
	{"LOADING", "Redis still loads its data"},
	{"BUSY", "a script of somebody else holds Redis up"},
	{"MOVED", "the server is a cluster: use NewClusterClient"},
	{"WRONGTYPE", "another program uses the same keys: set Config.Prefix"},
}

// explain adds to an error of the client what to do about it.
func explain(err error) error {
	// A server that does not know a command repeats its arguments. Those of AUTH are a password.
	if text, _, found := strings.Cut(err.Error(), ", with args beginning with"); found {
		return errors.New(text)
	}
	var network *net.OpError
	if errors.As(err, &network) && network.Op == "dial" {
		return fmt.Errorf("%w (does Redis run there, and may this machine connect to it?)", err)
	}
	var slow net.Error
	if errors.As(err, &slow) && slow.Timeout() {
		return fmt.Errorf("%w (Redis has not answered in time)", err)
	}
	for _, a := range advice {
		if redis.HasErrorPrefix(err, a.prefix) {
			return fmt.Errorf("%w (%s)", err, a.text)
		}
	}
	return err
}
