package child

import (
	"fmt"
	"net"
	"os"
	"testing"
	"time"
)

// TestListens is the bot of TestPortsOfTheBot.
func TestListens(t *testing.T) {
	if os.Getenv("CHILD_LISTENS") == "" {
		return
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(os.Stdout, "port", l.Addr().(*net.TCPAddr).Port)
	time.Sleep(2 * time.Minute)
}
