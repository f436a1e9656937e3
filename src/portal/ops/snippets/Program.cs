// Receives and verifies work_item.closed. Needs .NET 8 or newer: create a project with "dotnet new web", replace
// its Program.cs with this file, and run API_KEY=... SIGNING_SECRET=whsec_... dotnet run

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

// Ids of events already received. In production, use a unique database column.
var seen = new ConcurrentDictionary<string, bool>();

var builder = WebApplication.CreateBuilder(args);
// Run it behind TLS: the portal requires an https:// URL.
builder.WebHost.UseUrls($"http://127.0.0.1:{Environment.GetEnvironmentVariable("PORT") ?? "4000"}");
builder.WebHost.ConfigureKestrel(options => options.Limits.MaxRequestBodySize = Largest);
var app = builder.Build();

app.MapPost(Path, async (HttpRequest request) =>
{
    // The raw bytes of the body. The signature covers these, not JSON that was serialised again.
    using var buffer = new MemoryStream();
    await request.Body.CopyToAsync(buffer);
    var body = buffer.ToArray();
    if (!IsGenuine(request.Headers, body)) return Results.Unauthorized();

    JsonElement data;
    try { data = JsonSerializer.Deserialize<JsonElement>(body); }
    catch (JsonException) { return Results.BadRequest(); }

    var id = request.Headers["webhook-id"].ToString();
    // Acknowledge a duplicate, but do not process it again.
    if (seen.TryAdd(id, true))
    {
        // Respond immediately and process later. In production, store the event before you respond.
        _ = Task.Run(() => Console.WriteLine($"work_item.closed {id}: {data.GetProperty("id")}"));
    }
    return Results.NoContent();
});

app.Run();

// Verifies API key, timestamp and signature.
bool IsGenuine(IHeaderDictionary headers, byte[] body)
{
    if (!IsSame(headers["x-api-key"].ToString(), apiKey)) return false;
    var id = headers["webhook-id"].ToString();
    var timestamp = headers["webhook-timestamp"].ToString();
    if (id == "" || !long.TryParse(timestamp, out var sent)) return false;
    if (Math.Abs(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - sent) > ToleranceSeconds) return false;

    var signed = Encoding.UTF8.GetBytes($"{id}.{timestamp}.").Concat(body).ToArray();
    var expected = "v1," + Convert.ToBase64String(HMACSHA256.HashData(secret, signed));
    // During secret rotation the header has several signatures, separated by spaces.
    return headers["webhook-signature"].ToString().Split(' ').Any(signature => IsSame(signature, expected));
}

// Compares in constant time.
static bool IsSame(string a, string b) =>
    CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(a), Encoding.UTF8.GetBytes(b));
