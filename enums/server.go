package enums

// Role says what a server does for its clients.
type Role string

// The members of [Role].
const (
	RoleGeneric   Role = "generic"
	RoleExecution Role = "execution"
	RoleViewer    Role = "viewer"
)

// Roles returns the members in their order.
func Roles() []Role {
	return []Role{
		RoleGeneric,
		RoleExecution,
		RoleViewer,
	}
}

// ParseRole accepts a member's name and nothing else.
func ParseRole(s string) (Role, error) { return parse("role", s, Roles()) }

// UnmarshalText accepts a member's name and nothing else.
func (x *Role) UnmarshalText(text []byte) error { return unmarshal(x, text, ParseRole) }

// Vocabulary returns the enumeration wellhouse.enums.Role.
func (Role) Vocabulary() *Enumeration { return vocabulary("Role") }

// Transport says what a server's sockets run over.
type Transport string

// The members of [Transport].
const (
	TransportIPC Transport = "ipc"
	TransportTCP Transport = "tcp"
)

// Transports returns the members in their order.
func Transports() []Transport {
	return []Transport{
		TransportIPC,
		TransportTCP,
	}
}

// ParseTransport accepts a member's name and nothing else.
func ParseTransport(s string) (Transport, error) { return parse("transport", s, Transports()) }

// UnmarshalText accepts a member's name and nothing else.
func (x *Transport) UnmarshalText(text []byte) error { return unmarshal(x, text, ParseTransport) }

// Vocabulary returns the enumeration wellhouse.enums.Transport.
func (Transport) Vocabulary() *Enumeration { return vocabulary("Transport") }

// LogLevel is the least severe level that a log shows.
type LogLevel string

// The members of [LogLevel].
const (
	LogDebug LogLevel = "debug"
	LogInfo  LogLevel = "info"
	LogWarn  LogLevel = "warn"
	LogError LogLevel = "error"
)

// LogLevels returns the members in their order.
func LogLevels() []LogLevel {
	return []LogLevel{
		LogDebug,
		LogInfo,
		LogWarn,
		LogError,
	}
}

// ParseLogLevel accepts a member's name and nothing else.
func ParseLogLevel(s string) (LogLevel, error) { return parse("log level", s, LogLevels()) }

// UnmarshalText accepts a member's name and nothing else.
func (x *LogLevel) UnmarshalText(text []byte) error { return unmarshal(x, text, ParseLogLevel) }

// Vocabulary returns the enumeration wellhouse.enums.LogLevel.
func (LogLevel) Vocabulary() *Enumeration { return vocabulary("LogLevel") }
