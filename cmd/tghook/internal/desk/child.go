package desk

import (
	"encoding/json"
	"net/http"

	"github.com/tghook/tghook/cmd/tghook/internal/child"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// Child is the process of the bot that the desk has started.
type Child struct {
	Command  string   `json:"command"`
	Running  bool     `json:"running"`
	PID      int      `json:"pid,omitempty"`
	Exit     string   `json:"exit,omitempty"` // how it has ended
	Restarts int      `json:"restarts"`
	Ports    []int    `json:"ports"`
	Log      []string `json:"log,omitzero"`       // the newest lines, oldest first
	LastLine int64    `json:"last_line,omitzero"` // the number of the newest line of the log
}

func newChild(s child.State) Child {
	ports := s.Ports
	if ports == nil {
		ports = []int{}
	}
	return Child{Command: s.String(), Running: s.Running, PID: s.PID, Exit: s.Exit, Restarts: s.Restarts, Ports: ports}
}

// observeChild makes events of the lines and the state of the process.
func (d *Desk) observeChild(c *child.Child) {
	if c == nil {
		return
	}
	c.Observe(child.Observer{
		Line: func(line child.Line) { d.publish(Event{Kind: "log", Text: line.Text, Line: line.Number}) },
		State: func(s child.State) {
			object, err := json.Marshal(newChild(s))
			if err != nil {
				return // it has nothing that JSON cannot hold
			}
			d.publish(Event{Kind: "child", Object: object})
		},
	})
}

func (d *Desk) child() (*child.Child, error) {
	if d.cfg.Child == nil {
		return nil, jsonhttp.NotFound("child", "tghook dev has started no bot; give its command after --, such as tghook dev -- npm start")
	}
	return d.cfg.Child, nil
}

// showChild answers GET /api/child.
func (d *Desk) showChild(*http.Request) (any, error) {
	c, err := d.child()
	if err != nil {
		return nil, err
	}
	answer := newChild(c.State())
	answer.Log = []string{}
	for _, line := range c.Lines() {
		answer.Log, answer.LastLine = append(answer.Log, line.Text), line.Number
	}
	return answer, nil
}

// restartChild answers POST /api/child/restart.
func (d *Desk) restartChild(*http.Request) (any, error) {
	c, err := d.child()
	if err != nil {
		return nil, err
	}
	c.Restart()
	return struct{}{}, nil
}
