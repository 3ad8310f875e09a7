package world

// File is what was uploaded, by the bot or a user. It has one file_unique_id however
// often it is sent.
type File struct {
	Kind string // see kinds
	FileInfo
	Name    string
	MIME    string
	Content []byte
	Path    string // of the download, once getFile was called

	described               bool // what follows was set as the one wanted it who sent it first
	width, height, duration int
	thumbnail               *PhotoSize
	sizes                   []PhotoSize // of a photo, small to large
	title, performer        string
	emoji                   string
}

// FileInfo is what each object that stands for a file has.
type FileInfo struct {
	ID       string `json:"file_id"`
	UniqueID string `json:"file_unique_id"`
	Size     int    `json:"file_size,omitempty"`
}

// PhotoSize is one size of a photo, or a thumbnail.
type PhotoSize struct {
	FileInfo
	Width  int `json:"width"`
	Height int `json:"height"`
}

// Animation is a GIF or a video without sound.
type Animation struct {
	Name      string     `json:"file_name,omitempty"`
	MIME      string     `json:"mime_type,omitempty"`
	Duration  int        `json:"duration"`
	Width     int        `json:"width"`
	Height    int        `json:"height"`
	Thumbnail *PhotoSize `json:"thumbnail,omitempty"`
	Thumb     *PhotoSize `json:"thumb,omitempty"`
	FileInfo
}

// Audio is music.
type Audio struct {
	Duration  int        `json:"duration"`
	Name      string     `json:"file_name,omitempty"`
	MIME      string     `json:"mime_type,omitempty"`
	Title     string     `json:"title,omitempty"`
	Performer string     `json:"performer,omitempty"`
	Thumbnail *PhotoSize `json:"thumbnail,omitempty"`
	Thumb     *PhotoSize `json:"thumb,omitempty"`
	FileInfo
}

// Document is a file of no special kind.
type Document struct {
	Name      string     `json:"file_name,omitempty"`
	MIME      string     `json:"mime_type,omitempty"`
	Thumbnail *PhotoSize `json:"thumbnail,omitempty"`
	Thumb     *PhotoSize `json:"thumb,omitempty"`
	FileInfo
}

// Sticker is a picture that stands alone.
type Sticker struct {
	Width      int        `json:"width"`
	Height     int        `json:"height"`
	Emoji      string     `json:"emoji,omitempty"`
	SetName    string     `json:"set_name,omitempty"`
	IsAnimated bool       `json:"is_animated"`
	IsVideo    bool       `json:"is_video"`
	Type       string     `json:"type"`
	Thumbnail  *PhotoSize `json:"thumbnail,omitempty"`
	Thumb      *PhotoSize `json:"thumb,omitempty"`
	FileInfo
}

// Video is a film.
type Video struct {
	Duration  int        `json:"duration"`
	Width     int        `json:"width"`
	Height    int        `json:"height"`
	Name      string     `json:"file_name,omitempty"`
	MIME      string     `json:"mime_type,omitempty"`
	Thumbnail *PhotoSize `json:"thumbnail,omitempty"`
	Thumb     *PhotoSize `json:"thumb,omitempty"`
	FileInfo
}

// VideoNote is a round video.
type VideoNote struct {
	Duration  int        `json:"duration"`
	Length    int        `json:"length"`
	Thumbnail *PhotoSize `json:"thumbnail,omitempty"`
	Thumb     *PhotoSize `json:"thumb,omitempty"`
	FileInfo
}

// Voice is a spoken message.
type Voice struct {
	Duration int    `json:"duration"`
	MIME     string `json:"mime_type,omitempty"`
	FileInfo
}
