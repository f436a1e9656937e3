// Receives work_item.closed and checks it. Needs .NET 8 or newer: make a project with "dotnet new web", put this into
// its Program.cs, and run it with API_KEY=... SIGNING_SECRET=whsec_... dotnet run

using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

const string Path = "/service-hooks";
const long ToleranceSeconds = 5 * 60;
const int Largest = 1024 * 1024;

var apiKey = Environment.GetEnvironmentVariable("API_KEY") ?? throw new InvalidOperationException("Set API_KEY.");
var signingSecret = Environment.GetEnvironmentVariable("SIGNING_SECRET") ?? throw new InvalidOperationException("Set SIGNING_SECRET.");
var secret = Convert.FromBase64String(signingSecret.Replace("whsec_", ""));

// Ids that came already. In production: a unique column of your database.
var seen = new ConcurrentDictionary<string, bool>();

var builder = WebApplication.CreateBuilder(args);
// Put TLS in front of it: the portal wants an https:// address.
builder.WebHost.UseUrls($"http://127.0.0.1:{Environment.GetEnvironmentVariable("PORT") ?? "4000"}");
builder.WebHost.ConfigureKestrel(options => options.Limits.MaxRequestBodySize = Largest);
var app = builder.Build();

app.MapPost(Path, async (HttpRequest request) =>
{
    // The body's bytes as they came: the signature is over these and not over JSON that was written anew.
    using var buffer = new MemoryStream();
    await request.Body.CopyToAsync(buffer);
    var body = buffer.ToArray();
    if (!IsGenuine(request.Headers, body)) return Results.Unauthorized();

    JsonElement data;
    try { data = JsonSerializer.Deserialize<JsonElement>(body); }
    catch (JsonException) { return Results.BadRequest(); }

    var id = request.Headers["webhook-id"].ToString();
    // A retry of what is here already is thanked for again, and nothing is done twice.
    if (seen.TryAdd(id, true))
    {
        // Answer at once and work afterwards. In production: store the event before you answer.
        _ = Task.Run(() => Console.WriteLine($"work_item.closed {id}: {data.GetProperty("id")}"));
    }
    return Results.NoContent();
});

app.Run();

// Are key, time and signature right?
bool IsGenuine(IHeaderDictionary headers, byte[] body)
{
    if (!IsSame(headers["x-api-key"].ToString(), apiKey)) return false;
    var id = headers["webhook-id"].ToString();
    var timestamp = headers["webhook-timestamp"].ToString();
    if (id == "" || !long.TryParse(timestamp, out var sent)) return false;
    if (Math.Abs(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - sent) > ToleranceSeconds) return false;

    var signed = Encoding.UTF8.GetBytes($"{id}.{timestamp}.").Concat(body).ToArray();
    var expected = "v1," + Convert.ToBase64String(HMACSHA256.HashData(secret, signed));
    // While a secret is being replaced there are several signatures, with spaces between.
    return headers["webhook-signature"].ToString().Split(' ').Any(signature => IsSame(signature, expected));
}

// Compares in constant time.
static bool IsSame(string a, string b) =>
    CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(a), Encoding.UTF8.GetBytes(b));
