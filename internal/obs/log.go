package obs

import (
	"fmt"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/oneping/oneping/internal/term"
)

// Names of log fields: the same thing has the same name in every role.
const (
	FieldRole      = "role"     // client, connector, edge
	FieldRemote    = "remote"   // address and port of a link's other end
	FieldIdentity  = "identity" // oneping://ROLE/ID
	FieldDevice    = "device"   // device id
	FieldUser      = "user"
	FieldTunnel    = "tunnel"    // tunnel name
	FieldConnector = "connector" // connector id
	FieldToken     = "token_id"  // never the token itself
	FieldCode      = "code"      // proto.Code in words
	FieldReason    = "reason"    // why something was refused or ended
	FieldHint      = "hint"      // what to do about it
	FieldStateDir  = "state_dir"
	FieldListen    = "listen"
)

// NewLogger returns a logger to standard error: lines for people on a terminal,
// JSON otherwise; what repeats is limited (Limit). level is debug, info, warn or error; "" is
// info. Logging never waits for long and never ends the process: Lost counts the lines that nobody
// took.
func NewLogger(level string) (*zap.Logger, error) {
	lvl := zapcore.InfoLevel
	if level != "" {
		l, err := zapcore.ParseLevel(level)
		if err != nil {
			return nil, fmt.Errorf("parse log level %q: want debug, info, warn or error", level)
		}
		lvl = l
	}
	return Limit(zap.New(newCore(os.Stderr, encoder(term.IsTerminal(os.Stderr)), lvl))), nil
}

func newCore(f *os.File, encode zapcore.Encoder, level zapcore.Level) zapcore.Core {
	s := &sink{f: f, encode: encode}
	return core{zapcore.NewCore(encode, zapcore.Lock(zapcore.AddSync(s)), level), s}
}

func encoder(terminal bool) zapcore.Encoder {
	cfg := zap.NewProductionEncoderConfig()
	cfg.TimeKey = "time"
	cfg.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	cfg.EncodeDuration = zapcore.StringDurationEncoder
	if !terminal {
		return zapcore.NewJSONEncoder(cfg)
	}
	cfg.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
	cfg.EncodeLevel = zapcore.CapitalColorLevelEncoder
	cfg.ConsoleSeparator = " "
	return zapcore.NewConsoleEncoder(cfg)
}
