package storage

import "time"

// Row is a line of the history: an attempt to deliver an update, or a call of the Bot API. Its
// JSON is that of the rows of tghook dev.
type Row struct {
	ID       string    `json:"id"`
	Seq      int64     `json:"seq"` // grows from row to row; Record sets it
	Bot      int64     `json:"bot"`
	Target   string    `json:"target,omitempty"` // the name of a copy; empty for the bot's own URL
	Type     string    `json:"type"`             // delivery or reply
	At       time.Time `json:"at"`
	TookMS   float64   `json:"took_ms"`
	WaitedMS float64   `json:"waited_ms,omitempty"` // from the arrival to the attempt

	Chat     int64  `json:"chat,omitempty"`
	User     int64  `json:"user,omitempty"`
	UpdateID int64  `json:"update_id,omitempty"`
	Kind     string `json:"kind,omitempty"`
	Method   string `json:"method,omitempty"`
	Cause    string `json:"cause,omitempty"` // of a reply: the row of the delivery that it came with
	Attempt  int    `json:"attempt,omitempty"`

	Status  int       `json:"status,omitempty"`
	OK      bool      `json:"ok"`
	Error   string    `json:"error,omitempty"`
	Dropped bool      `json:"dropped,omitempty"` // the update is a dead letter now
	Reply   *RowReply `json:"reply,omitempty"`
	Summary string    `json:"summary"`
}

// RowReply is the webhook reply in the answer to a delivery.
type RowReply struct {
	Method  string `json:"method"`
	Rode    bool   `json:"rode"`              // it is executed
	Refused string `json:"refused,omitempty"` // why it is not
	Row     string `json:"row,omitempty"`     // of the call
}

// Exchange is the request and the answer of a Row, without secrets.
type Exchange struct {
	Method       string      `json:"method"`
	URL          string      `json:"url"`
	Header       [][2]string `json:"header"`
	Body         []byte      `json:"body"`
	Status       int         `json:"status"`
	AnswerHeader [][2]string `json:"answer_header"`
	Answer       []byte      `json:"answer"`
	AnswerSize   int         `json:"answer_size"` // Answer may be only its beginning
}

// Filter says which rows are asked for. Its zero value takes all.
type Filter struct {
	Bot    int64
	Chat   string // the number of a chat
	Kind   string // the kind of an update, the type of a row, or a method
	Failed bool
	Text   string // a part of Summary, Error or Method
	Update int64
	Before int64 // rows whose Seq is lower; 0 for the newest
	Limit  int
}
