# frozen_string_literal: true

# Takes wabagate's events. Copy this file into your program; it needs Ruby 3.0 or newer and webrick, which is no
# longer part of it (gem install webrick; Debian's ruby-webrick).
#
#     WEBHOOK_SECRET=whsec_… ruby receiver.rb 3000
#
# POST /webhooks takes every dialect, by the signature of Standard Webhooks that each delivery carries. The paths below it
# are for webhooks whose receiver verifies as another product taught it to.
require 'json'
require 'openssl'
require 'webrick'

TOLERANCE = 300 # seconds between the timestamp of a request and this clock, either way
LARGEST = 8 << 20 # bytes of a body; events of 3 MB exist
WAITING = 1000 # events that are kept and not handled yet
REMEMBERED = 100_000 # ids of events that came already

SECRET = ENV.fetch('WEBHOOK_SECRET', '')

# Says whether a request comes from wabagate, is unchanged and is new. raw is the body as it came: JSON.generate writes
# other bytes, and those have another signature. In Rails it is request.raw_post, in Sinatra request.body.read.
def from_wabagate(request, raw)
  id = request['webhook-id'].to_s
  timestamp = request['webhook-timestamp'].to_s
  return false if id.empty? || !fresh(timestamp)

  sum = OpenSSL::HMAC.digest('SHA256', key(SECRET), "#{id}.#{timestamp}.".b + raw)
  want = "v1,#{[sum].pack('m0')}" # base64; 'm' alone breaks lines
  # While a secret is being changed there are two signatures, one by each secret: one of them is enough.
  request['webhook-signature'].to_s.split.any? { |given| same(given, want) }
end

# What Standard Webhooks signs with: the bytes that the base64 after whsec_ stands for, not its text. A secret of another
# form is used as it is.
def key(secret)
  return secret unless secret.start_with?('whsec_') && secret.length > 6

  secret.delete_prefix('whsec_').unpack1('m0')
rescue ArgumentError
  secret
end

# How another product signs: in hex, in a header of its own, with the whole secret as text, whsec_ included. With a
# timestamp header that is signed before the body, with a dot between.
Product = Struct.new(:header, :prefix, :timestamp)

# By the path that a webhook of that dialect is pointed at. Keep those that you use.
PRODUCTS = {
  '/webhooks/twabot' => Product.new('X-TwaBot-Signature', ''),
  '/webhooks/platform' => Product.new('X-Webhook-Signature', ''),
  '/webhooks/digest' => Product.new('X-Webhook-Signature', ''),
  '/webhooks/awalchat' => Product.new('X-Awal-Webhook-Signature', '', 'X-Awal-Webhook-Timestamp'),
  '/webhooks/cloud' => Product.new('X-Hub-Signature-256', 'sha256=')
}.freeze

# from_wabagate for another product's signature. Where that covers the body alone, nobody can tell an old request from a
# new one, nor whether webhook-id was changed: prefer from_wabagate, which works for the same requests.
def as_product(product, request, raw)
  before = ''
  if product.timestamp
    return false unless fresh(request[product.timestamp].to_s)

    before = "#{request[product.timestamp]}."
  end
  same(request[product.header].to_s, product.prefix + OpenSSL::HMAC.hexdigest('SHA256', SECRET, before.b + raw))
end

# Compares in constant time: that of == tells how much of a guess was right.
def same(given, want)
  given.bytesize == want.bytesize && OpenSSL.fixed_length_secure_compare(given, want)
end

# Says whether a timestamp, in seconds since 1970, is close to now. Without it whoever gets hold of one request could send
# it for ever.
def fresh(timestamp)
  timestamp.match?(/\A\d+\z/) && (Time.now.to_i - timestamp.to_i).abs <= TOLERANCE
end

# Keeps each event once until it is handled. This one forgets all when the process ends: make yours a table with the id as
# its key (INSERT … ON CONFLICT DO NOTHING), and answer when that is committed.
class Inbox
  def initialize
    @lock = Mutex.new
    @known = {} # oldest first
    @queue = SizedQueue.new(WAITING)
  end

  def keep(id, *delivery)
    @lock.synchronize do
      return [200, 'had it already'] if @known[id] # deliveries are repeated when an answer was lost

      @queue.push([id, *delivery], true)
      @known[id] = true
      @known.shift if @known.size > REMEMBERED
      [200, 'taken']
    end
  rescue ThreadError
    [503, 'too many events are waiting'] # it is sent again later
  end

  # Does the work after the answer, one event after the other.
  def work
    loop do
      id, *delivery = @queue.pop
      begin
        handle(id, *delivery)
      rescue StandardError => e
        warn "#{id} failed: #{e.full_message}" # wabagate has its 200 and does not send it again
      end
    end
  end
end

# Does what is to be done about an event.
#
# The events of one conversation carry data.sequence: 1, 2, 3 … A webhook with "ordering":"conversation" gets them in that
# order. One that could not be delivered steps aside after a while; X-Wabagate-Skipped then names the numbers that are
# still to come ("15,16"). Without that ordering they come in any order: keep the highest sequence of each conversation,
# and let no event change what a later one has set. Refuse none for it.
def handle(id, path, skipped, test, raw)
  event = JSON.parse(raw.force_encoding('UTF-8')) # GET /api/client/event-types shows what is in it
  name = event['type'] || event['event'] # the dialects twabot and awalchat call it event
  said = ''
  if path == '/webhooks' # else another product's body: what you wrote for that product goes on from here
    case name
    when 'message.received'
      message = event['data']['message']
      said = ": #{message['from']} wrote #{message['text'].to_s[0, 80].to_json}"
    when 'message.report'
      said = ": #{event['data']['status']['message_id']} is #{event['data']['status']['status']}"
    when 'order.created'
      said = ": #{event['data']['order']['total']} #{event['data']['order']['currency']}"
    end
  end
  said += ", before #{skipped}" if skipped
  said += ' (a test)' if test # sample data, from "send test", wabagate trigger or the receiver check
  puts "#{name} #{id}#{said}"
end

# What to answer. Whatever the event is, known, late or of a type not heard of, it is 200: anything else has it sent again,
# for days. So has an answer that comes after the webhook's timeout: work afterwards.
def receive(inbox, request)
  product = PRODUCTS[request.path]
  return [404, 'not here'] unless product || request.path == '/webhooks'
  return [405, 'POST events here'] unless request.request_method == 'POST'

  raw = String.new(encoding: Encoding::BINARY)
  request.body do |part|
    raw << part
    return [413, 'too large'] if raw.bytesize > LARGEST
  end
  return [401, 'wrong signature'] unless product ? as_product(product, request, raw) : from_wabagate(request, raw)

  if request.path == '/webhooks/awalchat' # asks a new receiver to repeat a text
    ask = JSON.parse(raw)
    return [200, JSON.generate(challenge: ask['challenge'])] if ask['type'] == 'verification'
  end
  inbox.keep(request['webhook-id'].to_s, request.path, request['X-Wabagate-Skipped'], request['X-Wabagate-Test'], raw)
end

if $PROGRAM_NAME == __FILE__
  abort "set WEBHOOK_SECRET to the webhook's secret" if SECRET.empty?
  $stdout.sync = true
  $stdout.set_encoding('UTF-8') # whatever the terminal: customers write in all letters
  inbox = Inbox.new
  Thread.new { inbox.work }
  port = Integer(ARGV[0] || ENV['PORT'] || 3000)
  # For this machine alone: put the proxy that speaks TLS before it, or listen on all addresses in a container.
  at_once = ->(socket) { socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1) } # else each answer waits 40 ms for nothing
  server = WEBrick::HTTPServer.new(BindAddress: '127.0.0.1', Port: port, AcceptCallback: at_once,
                                   AccessLog: [], Logger: WEBrick::Log.new($stderr, WEBrick::Log::WARN))
  server.mount_proc('/') do |request, response|
    response.status, response.body = receive(inbox, request)
    response['Content-Type'] = response.body.start_with?('{') ? 'application/json' : 'text/plain'
    response.keep_alive = false if response.status == 413 # the rest of the body was not read
  end
  %w[INT TERM].each { |signal| trap(signal) { server.shutdown } }
  puts "listening on #{server.listeners.first.addr[1]}"
  server.start
end
