package world

import "encoding/json"

// File is a file that the bot or a user uploaded. Its file_unique_id stays the same however
// often it is sent.
type File struct {
	Kind string // a key of kinds
	FileInfo
	Name    string
	MIME    string
	Content []byte
	Path    string // file_path; empty until getFile is called

	described               bool // the fields below were set, by its first message
	width, height, duration int
	thumbnail               *PhotoSize
	sizes                   []PhotoSize // of a photo, smallest first
	title, performer        string
	emoji                   string
}

// FileInfo has the fields of every object that stands for a file.
type FileInfo struct {
	ID       string `json:"file_id"`
	UniqueID string `json:"file_unique_id"`
	Size     int    `json:"file_size,omitempty"`
}

// PhotoSize is one size of a photo, or a thumbnail.
type PhotoSize struct {
	FileInfo
	frame
}

// named has the fields that come from the name of a file.
type named struct {
	Name string `json:"file_name,omitempty"`
	MIME string `json:"mime_type,omitempty"`
}

// frame is the size of a picture.
type frame struct {
	Width  int `json:"width"`
	Height int `json:"height"`
}

// preview ends the objects of most kinds of file. Thumb is the older name of Thumbnail.
type preview struct {
	Thumbnail *PhotoSize `json:"thumbnail,omitempty"`
	Thumb     *PhotoSize `json:"thumb,omitempty"`
	FileInfo
}

// Animation is a GIF or a video without sound.
type Animation struct {
	named
	Duration int `json:"duration"`
	frame
	preview
}

// Audio is music.
type Audio struct {
	Duration int `json:"duration"`
	named
	Title     string `json:"title,omitempty"`
	Performer string `json:"performer,omitempty"`
	preview
}

// Document is a file of no special kind.
type Document struct {
	named
	preview
}

// Sticker is a picture that stands alone.
type Sticker struct {
	frame
	Emoji      string          `json:"emoji,omitempty"`
	SetName    string          `json:"set_name,omitempty"`
	IsAnimated bool            `json:"is_animated"`
	IsVideo    bool            `json:"is_video"`
	Type       string          `json:"type"`
	Mask       json.RawMessage `json:"mask_position,omitempty"`
	CustomID   string          `json:"custom_emoji_id,omitempty"`
	preview

	emoji string // all emoji that the sticker has in a set
}

// Video is a film.
type Video struct {
	Duration int `json:"duration"`
	frame
	named
	preview
}

// VideoNote is a round video.
type VideoNote struct {
	Duration int `json:"duration"`
	Length   int `json:"length"`
	preview
}

// Voice is a spoken message.
type Voice struct {
	Duration int    `json:"duration"`
	MIME     string `json:"mime_type,omitempty"`
	FileInfo
}
